package import Cryptography
package import DeveloperLog
package import Time

/// What came of a wish to sign out.
package enum SessionEnding: Sendable, Equatable {
    case ended(Session)
    /// Nobody was signed in.
    case none
    /// The session goes on: its holder has to agree first.
    case confirmationNeeded(Session)
}

/// The acts on browser sessions; each is one transaction.
package protocol SessionStore: Sendable {
    /// The session that a cookie stands for, while it lasts and its account is enabled.
    func session(_ digest: SHA256Digest, at now: Timestamp) async throws -> Session?

    /// Ends a session if `mayEnd` says so of it, with every grant made in it that has no offline access.
    func endSession(
        _ digest: SHA256Digest, if mayEnd: @escaping @Sendable (Session) -> Bool, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> SessionEnding

    /// Ends every session of an account, with what was granted for their time; and, with `tokens`, every grant.
    func endSessions(
        of account: AccountID, andTokens tokens: Bool, from origin: RequestOrigin, at now: Timestamp
    ) async throws

    /// Ends one session by its name, with what was granted for its time.
    func endSession(_ id: SessionID, from origin: RequestOrigin, at now: Timestamp) async throws
}
