import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import RateLimiting

extension Response {
    /// A page: kept by nobody, framed by nobody, loading nothing from elsewhere, telling nobody where it was.
    ///
    /// - Parameter destination: where its forms may lead besides this server. Browsers hold every redirect that
    ///   follows a form to this list, and apps redirect on to places of their own, so it names a scheme and not a
    ///   host (docs/adr/0016).
    static func page(
        _ html: String, status: HTTPResponse.Status = .ok, leadingTo destination: String? = nil
    ) -> Response {
        var response = Response(
            status: status, headers: .page, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
        let forms = ["'self'", destination].compactMap(\.self).joined(separator: " ")
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action \(forms); base-uri 'none'; frame-ancestors 'none'"
        return response
    }

    /// On to another page, with GET whatever came before (RFC 9110 §15.4.4).
    static func seeOther(_ location: String) -> Response {
        Response(
            status: .seeOther,
            headers: [.location: location, .cacheControl: "no-store", .referrerPolicy: "no-referrer"])
    }
}

extension HTTPFields {
    fileprivate static let page: HTTPFields = [
        .contentType: "text/html; charset=utf-8",
        .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
        .referrerPolicy: "no-referrer",
        .xFrameOptions: "DENY",
    ]
}

extension VerifiedRedirect {
    /// As a source of a content security policy: `https:`, or an app's own scheme.
    var schemeSource: String { uri.prefix { $0 != ":" }.lowercased() + ":" }
}
