package import Accounts
package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

/// A code about to be issued, with the grant that it stands for.
package struct NewAuthorization: Sendable {
    package let client: ClientID
    package let scope: Scope
    package var resources = Resources.none
    package let redirect: VerifiedRedirect
    package let codeChallenge: CodeChallenge?
    package var keyThumbprint: String?
    package let nonce: String?
    package let grant: GrantID
    package let code: SHA256Digest
    package let expiresAt: Timestamp
    /// Of a request that yields one code; `nil`: as many as it is asked for.
    package var once: OneTimeIdentifier?
    /// Whether the client wants to hear of the session's end (OpenID Connect Back-Channel Logout §2.2).
    package var isToldOfLogout = false
}

/// A browser's session at the authorization endpoint.
package struct AuthorizationAttempt: Sendable {
    /// Of the session cookie.
    package let session: SHA256Digest
    /// The session lives on until then: it is being used.
    package let idleUntil: Timestamp
    package let authorization: NewAuthorization
    /// Whether the person has just agreed to the scope, which is then remembered.
    package let isConsentGiven: Bool
    /// What a code issued to this session counts against.
    package let charge: @Sendable (Session) -> LimitCharge?
    /// What is left to ask; `nil` issues the code.
    package let interaction: @Sendable (Session, _ consented: Scope?) -> Interaction?
}

package enum AuthorizationOutcome: Sendable, Equatable {
    case issued
    case interaction(Interaction, Session)
    /// The cookie stands for no session that lasts.
    case signedOut
    /// The request yielded its code before.
    case requestUsed
    case limited(LimitRefusal)
}

/// The act of the authorization endpoint.
package protocol AuthorizationStore: Sendable {
    /// Finds the session, keeps it alive, and issues the code when nothing is left to ask: one transaction.
    func authorize(
        _ attempt: AuthorizationAttempt, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> AuthorizationOutcome
}
