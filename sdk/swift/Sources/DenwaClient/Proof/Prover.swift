import Foundation

/// Writes DPoP proofs (RFC 9449 §4), and knows what the servers want in them.
actor Prover {
    private let key: any DeviceKey
    /// The last nonce of each server (§8.2).
    private var nonces: [String: String] = [:]
    /// How much the issuer's clock is ahead of this one. Players set clocks; a proof of yesterday is refused.
    private var ahead: TimeInterval

    init(key: any DeviceKey, clockAhead: TimeInterval = 0) {
        self.key = key
        ahead = clockAhead
    }

    var thumbprint: String {
        get throws { try key.thumbprint }
    }

    func set(clockAhead seconds: TimeInterval) { ahead = seconds }

    /// Keeps the nonce that an answer brought, for the next proof to that server.
    func keep(nonce: String, of url: URL) { nonces[url.origin] = nonce }

    /// A proof for one request. `accessToken` is what goes along in `Authorization`, if anything.
    func proof(method: String, url: URL, accessToken: String?, now: Date = Date()) throws -> String {
        let header = #"{"typ":"dpop+jwt","alg":"ES256","jwk":\#(try key.publicJWK)}"#
        let claims = Claims(
            jti: randomText(), htm: method, htu: url.withoutQuery,
            iat: Int((now.timeIntervalSince1970 + ahead).rounded()),
            ath: accessToken.map { Digest.sha256(Data($0.utf8)).base64URL }, nonce: nonces[url.origin])
        let signed = "\(Data(header.utf8).base64URL).\(try JSONEncoder().encode(claims).base64URL)"
        return "\(signed).\(try key.signature(for: Data(signed.utf8)).base64URL)"
    }

    /// RFC 9449 §4.2.
    private struct Claims: Encodable {
        let jti, htm, htu: String
        let iat: Int
        let ath, nonce: String?
    }
}

extension URL {
    /// Scheme, host and port: where a nonce is good.
    fileprivate var origin: String {
        "\(scheme?.lowercased() ?? "")://\(host?.lowercased() ?? ""):\(port ?? (scheme == "http" ? 80 : 443))"
    }

    /// `htu` is the address without query and fragment.
    fileprivate var withoutQuery: String {
        var components = URLComponents(url: self, resolvingAgainstBaseURL: true)
        components?.query = nil
        components?.fragment = nil
        if components?.path.isEmpty == true { components?.path = "/" }
        return components?.url?.absoluteString ?? absoluteString
    }
}
