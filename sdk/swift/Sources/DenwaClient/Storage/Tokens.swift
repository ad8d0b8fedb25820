import Foundation

/// What one login holds.
struct Tokens: Sendable, Codable, Hashable {
    let accessToken: String
    /// How `Authorization` names it: `DPoP` when it is bound to the device's key, else `Bearer`.
    let scheme: String
    let refreshToken: String?
    let idToken: String?
    let scope: String
    let expiresAt: Date
    /// Seconds, as the server said.
    let lifetime: TimeInterval

    /// - Parameters:
    ///   - askedAt: before the request, so that the answer's way does not count as life.
    ///   - earlier: those that this renews. What an answer leaves out stays (RFC 6749 §6).
    init(_ answer: TokenAnswer, askedAt: Date, earlier: Tokens? = nil) {
        accessToken = answer.accessToken
        scheme = answer.tokenType.lowercased() == "dpop" ? "DPoP" : "Bearer"
        refreshToken = answer.refreshToken ?? earlier?.refreshToken
        idToken = answer.idToken ?? earlier?.idToken
        scope = answer.scope ?? earlier?.scope ?? ""
        lifetime = answer.expiresIn ?? 60
        expiresAt = askedAt.addingTimeInterval(lifetime)
    }

    /// Good for a while: not in its last minute, nor in its last quarter when it lives less than four.
    func isFresh(at now: Date) -> Bool { now < expiresAt.addingTimeInterval(-min(60, lifetime / 4)) }

    func isAlive(at now: Date) -> Bool { now < expiresAt }
}

/// The token endpoint's answer (RFC 6749 §5.1).
struct TokenAnswer: Decodable {
    let accessToken: String
    let tokenType: String
    let expiresIn: TimeInterval?
    let refreshToken: String?
    let idToken: String?
    let scope: String?
}
