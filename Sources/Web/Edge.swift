import DeveloperLog
import HTTPTypes
import Hummingbird
package import Time

/// What every endpoint asks of the outside world: the time, once, and where the request came from.
package struct Edge: Sendable {
    private let clock: WallClock
    private let trustedProxies: TrustedProxies

    package init(clock: WallClock, trustedProxies: TrustedProxies) {
        self.clock = clock
        self.trustedProxies = trustedProxies
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

extension HTTPField.Name {
    static let xForwardedFor = constant("X-Forwarded-For")
    static let forwarded = constant("Forwarded")
    static let retryAfter = constant("Retry-After")
    static let rateLimit = constant("RateLimit")
    static let rateLimitPolicy = constant("RateLimit-Policy")
    static let xFrameOptions = constant("X-Frame-Options")
    static let referrerPolicy = constant("Referrer-Policy")

    private static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name") }
        return name
    }
}
