import Cryptography
import HTTPTypes
package import Hummingbird
import NIOCore
import SDK

/// `GET /sdk/denwa.js`: the browser SDK, for the pages of every origin.
package struct SDKEndpoint: Sendable {
    private let tag = "\"\(SHA256Digest(of: SDK.script).base64URL.prefix(22))\""

    package init() {}

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/sdk/denwa.js") { request, _ in
            // Pages name it without a version, so browsers ask again, and are told that nothing changed.
            var headers: HTTPFields = [
                .contentType: "text/javascript; charset=utf-8", .cacheControl: "public, max-age=3600", .eTag: tag,
                .accessControlAllowOrigin: "*", .xContentTypeOptions: "nosniff",
            ]
            headers[.crossOriginResourcePolicy] = "cross-origin"
            guard request.headers[.ifNoneMatch] != tag else { return Response(status: .notModified, headers: headers) }
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: SDK.script)))
        }
    }
}
