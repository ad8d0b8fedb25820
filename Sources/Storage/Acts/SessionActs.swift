package import Accounts
package import Cryptography
package import DeveloperLog
import OAuth
import PhoneLogin
package import Time

extension SQLStore: SessionStore {
    package func session(_ digest: SHA256Digest, at now: Timestamp) async throws -> Session? {
        try await engine.read { connection in try await connection.session(digest, at: now) }
    }

    package func endSession(
        _ digest: SHA256Digest, if mayEnd: @escaping @Sendable (Session) -> Bool, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> SessionEnding {
        try await engine.write { connection in
            guard let session = try await connection.session(digest, at: now) else { return .none }
            guard mayEnd(session) else { return .confirmationNeeded(session) }
            return try await connection.end(session.id, at: now) ? .ended(session) : .none
        }
    }

    package func endSession(_ id: SessionID, from origin: RequestOrigin, at now: Timestamp) async throws {
        try await engine.write { connection in _ = try await connection.end(id, at: now) }
    }

    package func endSessions(
        of account: AccountID, andTokens tokens: Bool, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            try await connection.lock(.account(account))
            guard tokens else {
                for session in try await connection.sessions(of: account) {
                    _ = try await connection.end(session, at: now)
                }
                return
            }
            try await connection.end(.all, of: account, at: now)
            try await connection.forgetConsents(of: account)
            try await connection.record(
                SecurityEvent(
                    .signedOutEverywhere, at: now, origin: origin, accountID: account.rawValue,
                    reason: "every session and token ended"))
        }
    }
}

extension SQLConnection {
    /// Ends the session that the browser had: what it held before a sign-in is worth nothing after it.
    func begin(_ session: NewSession, of account: AccountID, at now: Timestamp) async throws {
        let id = try await endReplaced(by: session, of: account, at: now) ?? session.id
        try await send(
            """
            INSERT INTO session (digest, id, account_id, methods, authenticated_at, idle_until, expires_at, device)
            VALUES (\(session.digest), \(id), \(account), \([AuthenticationMethod].textedCode.words), \(now),
                \(session.idleUntil), \(session.expiresAt), \(session.device))
            """)
    }

    /// The name of the session that ends here, if it was the same person's: apps know the sign-in by it, and
    /// signing out later ends what they got before.
    private func endReplaced(
        by session: NewSession, of account: AccountID, at now: Timestamp
    ) async throws -> SessionID? {
        guard let old = session.replacing,
            let row = try await first("DELETE FROM session WHERE digest = \(old) RETURNING id, account_id")
        else { return nil }
        let id = SessionID(try row.text(0))
        if try row.text(1) == account.rawValue { return id }
        // Somebody else sits there now: whoever was signed in is signed out.
        try await signOutOfApps(id, at: now)
        return nil
    }

    func session(_ digest: SHA256Digest, at now: Timestamp) async throws -> Session? {
        try await first(
            """
            SELECT s.id, s.account_id, (SELECT p.number FROM account_phone p WHERE p.account_id = s.account_id),
                s.authenticated_at, s.methods
            FROM session s JOIN account a ON a.id = s.account_id
            WHERE s.digest = \(digest) AND s.idle_until > \(now) AND s.expires_at > \(now) AND a.disabled_at IS NULL
            """
        ).map(Session.init(row:))
    }

    /// The session, in use until `idleUntil`. Its row is this act's until it commits: whoever ends the session
    /// meanwhile waits, and then ends what came of it, too.
    func hold(_ digest: SHA256Digest, idleUntil: Timestamp? = nil, at now: Timestamp) async throws -> Session? {
        try await first(
            """
            UPDATE session SET idle_until = COALESCE(\(idleUntil), idle_until)
            WHERE digest = \(digest) AND idle_until > \(now) AND expires_at > \(now)
                AND EXISTS (SELECT 1 FROM account a WHERE a.id = session.account_id AND a.disabled_at IS NULL)
            RETURNING id, account_id, (SELECT p.number FROM account_phone p WHERE p.account_id = session.account_id),
                authenticated_at, methods
            """
        ).map(Session.init(row:))
    }

    fileprivate func sessions(of account: AccountID) async throws -> [SessionID] {
        try await rows("SELECT id FROM session WHERE account_id = \(account)").map { SessionID(try $0.text(0)) }
    }

    /// Ends a session, with what was granted for its time. True for the call that ended it.
    ///
    /// The session goes first, here and wherever sign-ins end: whoever is about to make something of it holds its row,
    /// so what is made is seen by what comes after.
    func end(_ session: SessionID, at now: Timestamp) async throws -> Bool {
        let isFirst = try await run("DELETE FROM session WHERE id = \(session)") == 1
        try await signOutOfApps(session, at: now)
        return isFirst
    }

    private func signOutOfApps(_ session: SessionID, at now: Timestamp) async throws {
        try await revoke(.session(session), at: now)
        try await queueLogoutNotices(of: session, at: now)
    }

    /// What a change of a password or number ends besides.
    func end(_ ending: SignInEnding, of account: AccountID, at now: Timestamp) async throws {
        switch ending {
        case .none: return
        case .all:
            try await send("DELETE FROM session WHERE account_id = \(account)")
            try await revoke(.account(account), at: now)
            try await queueLogoutNotices(of: account, at: now)
        case .others(.session(let session)):
            try await send("DELETE FROM session WHERE account_id = \(account) AND id <> \(session)")
            try await revoke(.accountButForSession(account, session), at: now)
            try await queueLogoutNotices(of: account, butForSession: session, at: now)
        case .others(.grant(let grant)):
            try await send("DELETE FROM session WHERE account_id = \(account)")
            try await revoke(.accountButFor(account, grant), at: now)
            try await queueLogoutNotices(of: account, at: now)
            try await dropLogoutNotices(to: grant)
        }
    }
}

extension Session {
    fileprivate init(row: SQLRow) throws {
        let identity = try row.optionalText(2).map(PhoneIdentity.init(rawValue:))
        self.init(
            id: SessionID(try row.text(0)), account: AccountID(try row.text(1)), phoneNumber: identity?.number,
            testClient: identity?.testClient, authenticatedAt: try row.time(3),
            methods: [AuthenticationMethod](words: try row.text(4)))
    }
}
