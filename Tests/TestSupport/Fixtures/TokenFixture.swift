import Cryptography
package import OAuth
package import Time

/// What one client brings to the token endpoint.
package struct TokenFixture: Sendable {
    package var client = ClientID("game")
    package var redirectURI: String?
    package var verifier: String?
    /// `nil`: the client may not have one.
    package var refreshToken: String?
    package var scope: String?
    package var accessLifetimeSeconds = 3600
    package var refreshLifetimeSeconds = 86_400
    package var graceSeconds = 30

    package init() {}

    package func redeeming(_ code: String, at now: Timestamp = .noon) -> CodePresentation {
        CodePresentation(
            digest: SHA256Digest(of: code), client: client, redirectURI: redirectURI,
            answeredChallenge: verifier.flatMap { CodeChallenge(answeredBy: $0) },
            refreshToken: refreshToken.map { newToken($0, at: now) },
            accessTokenExpiresAt: now.adding(seconds: accessLifetimeSeconds))
    }

    package func rotating(_ token: String, to successor: String, at now: Timestamp = .noon) -> RefreshPresentation {
        let scope = scope.flatMap { Scope($0) }
        return RefreshPresentation(
            digest: SHA256Digest(of: token), client: client,
            successor: newToken(successor, at: now), graceSeconds: graceSeconds,
            accessTokenExpiresAt: now.adding(seconds: accessLifetimeSeconds),
            objection: { grant, _ in
                guard let scope, !scope.isSubset(of: grant.scope) else { return nil }
                return .invalidScope("scope exceeds what was granted")
            })
    }

    private func newToken(_ token: String, at now: Timestamp) -> NewRefreshToken {
        NewRefreshToken(
            digest: SHA256Digest(of: token), expiresAt: now.adding(seconds: refreshLifetimeSeconds))
    }
}
