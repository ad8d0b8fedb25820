package import Cryptography
package import RateLimiting

/// Who may register clients, and how many.
package struct RegistrationSettings: Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        case off
        /// With an initial access token (RFC 7591 §3).
        case token
        case open
    }

    package var mode = Mode.off
    /// SHA-256 of each.
    package var initialAccessTokens: [SHA256Digest] = []
    /// What self-described clients may ask people for.
    package var scope = Scope("openid profile phone email offline_access") ?? .empty
    package var maximumClients = 10_000
    package var registerClientPerIP = Limit(count: 10, windowSeconds: 86_400)

    package init() {}
}
