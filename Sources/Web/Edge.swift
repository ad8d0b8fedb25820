import Cryptography
import DeveloperLog
import HTTPTypes
import Hummingbird
import InternetAddresses
package import OAuth
package import Time

/// What every endpoint asks of the outside world: the time, once, and where the request came from.
package struct Edge: Sendable {
    private let clock: WallClock
    private let trustedProxies: TrustedProxies
    private let clientCertificates: ClientCertificates
    /// Handed out with every answer to a proof; `nil` when proofs need none.
    let nonces: DPoPNonces?

    package init(
        clock: WallClock, trustedProxies: TrustedProxies, clientCertificates: ClientCertificates = .none,
        nonces: DPoPNonces? = nil
    ) {
        self.clock = clock
        self.trustedProxies = trustedProxies
        self.clientCertificates = clientCertificates
        self.nonces = nonces
    }

    var now: Timestamp { clock.now() }

    func origin(of request: Request, _ context: DenwaRequestContext) -> RequestOrigin {
        let peer = context.peer?.ipAddress.flatMap(IPAddress.init)
        let address = trustedProxies.clientAddress(
            peer: peer,
            forwardedFor: request.headers[values: .xForwardedFor],
            forwarded: request.headers[values: .forwarded])
        return RequestOrigin(requestID: context.requestID, address: address?.countedAs ?? "unknown")
    }
}

extension Edge {
    /// SHA-256 of the client's TLS certificate, base64url (RFC 8705 §3.1): from the connection itself, or from a
    /// trusted proxy that ended it.
    func certificateThumbprint(of request: Request, _ context: DenwaRequestContext) async -> String? {
        if clientCertificates.areShownHere, let certificate = await context.peerCertificate() {
            return SHA256Digest(of: certificate).base64URL
        }
        guard let peer = context.peer?.ipAddress.flatMap(IPAddress.init), trustedProxies.trusts(peer) else {
            return nil
        }
        return clientCertificates.certificate(in: request.headers).map { SHA256Digest(of: $0).base64URL }
    }
}

extension HTTPField.Name {
    static let xForwardedFor = constant("X-Forwarded-For")
    static let forwarded = constant("Forwarded")
    static let retryAfter = constant("Retry-After")
    static let rateLimit = constant("RateLimit")
    static let rateLimitPolicy = constant("RateLimit-Policy")
    static let xFrameOptions = constant("X-Frame-Options")
    static let referrerPolicy = constant("Referrer-Policy")

    static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name") }
        return name
    }
}
