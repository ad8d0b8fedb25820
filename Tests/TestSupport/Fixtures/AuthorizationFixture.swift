import Accounts
import Cryptography
import DeveloperLog
package import RateLimiting
package import Storage
package import Time

@testable package import OAuth

/// What one browser asks of the authorization endpoint's act. A test changes one member of it, and that is the
/// deviation.
package struct AuthorizationFixture: Sendable {
    /// The session cookie.
    package var session = "session"
    package var client = Client.fixture()
    package var scope = "openid"
    /// `nil`: the client's only one is taken.
    package var redirectURI: String?
    package var codeChallenge: CodeChallenge?
    package var nonce: String?
    package var codeLifetimeSeconds = 60
    package var idleLifetimeSeconds = 259_200
    /// The person has just agreed to the scope.
    package var isConsentGiven = false
    /// The client wants to hear of the session's end.
    package var isToldOfLogout = false
    package var limit: Limit?
    /// What is left to ask whatever was agreed to before; `nil`: the consent alone decides.
    package var interaction: Interaction?

    package init() {}

    /// - Parameter code: issued when nothing is left to ask.
    package func attempt(code: String, at now: Timestamp = .noon) throws -> AuthorizationAttempt {
        let scope = try known(Scope(scope))
        return AuthorizationAttempt(
            session: SHA256Digest(of: session), idleUntil: now.adding(seconds: idleLifetimeSeconds),
            authorization: NewAuthorization(
                client: client.id, scope: scope, redirect: try client.verifyRedirect(redirectURI),
                codeChallenge: codeChallenge, nonce: nonce, grant: GrantID(Unique.name("grant")),
                code: SHA256Digest(of: code), expiresAt: now.adding(seconds: codeLifetimeSeconds),
                isToldOfLogout: isToldOfLogout),
            isConsentGiven: isConsentGiven,
            charge: { [limit] in LimitCharge(.authorizePerSession, limit, subject: $0.id.rawValue) },
            interaction: { [interaction, isConsentGiven] _, consented in
                if let interaction { return interaction }
                if isConsentGiven { return nil }
                return consented.map(scope.isSubset) == true ? nil : .consent
            })
    }

    package func authorize(
        code: String = Unique.name("authorization code"), on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> AuthorizationOutcome {
        try await store.authorize(attempt(code: code, at: now), from: .home, at: now)
    }
}
