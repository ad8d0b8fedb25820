import Accounts
import Cryptography
import DeveloperLog
package import OAuth
package import Time

extension SQLConnection {
    /// Remembers that a session let a client in that wants to hear of its end.
    func remember(_ client: ClientID, toBeToldOf session: SHA256Digest) async throws {
        try await send(
            """
            INSERT INTO session_client (session_id, client_id, account_id, expires_at)
            SELECT id, \(client), account_id, expires_at FROM session WHERE digest = \(session)
            ON CONFLICT (session_id, client_id)
                DO UPDATE SET account_id = excluded.account_id, expires_at = excluded.expires_at
            """)
    }

    /// Has the clients told that a session let in.
    func queueLogoutNotices(of session: SessionID, at now: Timestamp) async throws {
        try await send(
            """
            INSERT INTO logout_notice (session_id, client_id, account_id, queued_at, due_at, attempts)
            SELECT session_id, client_id, account_id, \(now), \(now), 0 FROM session_client
            WHERE session_id = \(session)
            ON CONFLICT DO NOTHING
            """)
        try await send("DELETE FROM session_client WHERE session_id = \(session)")
    }

    /// Has everybody told whom the account's sessions let in, those that are over by themselves too: a client that has
    /// offline access keeps people signed in for longer than this server does.
    ///
    /// Call it after the grants were revoked: their clients are told, whether they want to hear of it or not shows at
    /// the delivery.
    func queueLogoutNotices(
        of account: AccountID, butForSession spared: SessionID? = nil, at now: Timestamp
    ) async throws {
        let spared = spared?.rawValue ?? ""
        try await send(
            """
            INSERT INTO logout_notice (session_id, client_id, account_id, queued_at, due_at, attempts)
            SELECT session_id, client_id, account_id, \(now), \(now), 0 FROM session_client
            WHERE account_id = \(account) AND session_id <> \(spared)
            ON CONFLICT DO NOTHING
            """)
        try await send("DELETE FROM session_client WHERE account_id = \(account) AND session_id <> \(spared)")
        try await send(
            """
            INSERT INTO logout_notice (session_id, client_id, account_id, queued_at, due_at, attempts)
            SELECT session_id, client_id, account_id, \(now), \(now), 0 FROM token_grant
            WHERE account_id = \(account) AND revoked_at = \(now) AND session_id IS NOT NULL
                AND session_id <> \(spared)
            ON CONFLICT DO NOTHING
            """)
    }

    /// The app in which the person made the change goes on, though the session that let it in is over.
    func dropLogoutNotices(to spared: GrantID) async throws {
        try await send(
            """
            DELETE FROM logout_notice WHERE (session_id, client_id) IN
                (SELECT session_id, client_id FROM token_grant WHERE id = \(spared))
            """)
    }
}

extension SQLStore: LogoutNoticeStore {
    package func claimLogoutNotices(
        atMost count: Int, butFor clients: Set<ClientID>, leaseUntil leaseEnd: Timestamp, at now: Timestamp
    ) async throws -> [LogoutNotice] {
        // Asked twice a second, and there is hardly ever something: looking must not take the writer.
        let isAnyDue = try await engine.read { connection in
            try await connection.first("SELECT 1 FROM logout_notice WHERE due_at <= \(now) LIMIT 1") != nil
        }
        guard isAnyDue else { return [] }
        // No client is called "": a list may not be empty.
        let busy = [""] + clients.map(\.rawValue)
        return try await engine.write { connection in
            try await connection.rows(
                """
                WITH due AS (
                    SELECT session_id, client_id, account_id FROM logout_notice
                    WHERE due_at <= \(now) AND client_id NOT IN \(list: busy)
                    ORDER BY due_at LIMIT \(count) \(.skippingLocked))
                UPDATE logout_notice SET due_at = \(leaseEnd), attempts = attempts + 1
                WHERE (session_id, client_id, account_id) IN (SELECT session_id, client_id, account_id FROM due)
                RETURNING session_id, client_id, account_id, queued_at, attempts
                """
            ).map(LogoutNotice.init(row:))
        }
    }

    package func record(
        _ outcome: LogoutNoticeOutcome, of notice: LogoutNotice, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            if case .retry(let due) = outcome {
                try await connection.send(
                    """
                    UPDATE logout_notice SET due_at = \(due)
                    WHERE session_id = \(notice.session) AND client_id = \(notice.client)
                        AND account_id = \(notice.account) AND attempts = \(notice.attempt)
                    """)
                return
            }
            let isOurs =
                try await connection.run(
                    """
                    DELETE FROM logout_notice
                    WHERE session_id = \(notice.session) AND client_id = \(notice.client)
                        AND account_id = \(notice.account) AND attempts = \(notice.attempt)
                    """) == 1
            guard isOurs, case .failed(let failure, let status) = outcome else { return }
            try await connection.record(.logoutFailed(notice, failure, status: status, at: now))
        }
    }
}

extension LogoutNotice {
    fileprivate init(row: SQLRow) throws {
        self.init(
            session: SessionID(try row.text(0)), client: ClientID(try row.text(1)),
            account: AccountID(try row.text(2)), queuedAt: try row.time(3), attempt: Int(try row.integer(4)))
    }
}

extension SecurityEvent {
    /// It does not say whose session it was: the account may be deleted by now.
    fileprivate static func logoutFailed(
        _ notice: LogoutNotice, _ failure: LogoutNoticeOutcome.Failure, status: Int?, at now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(
            .logoutFailed, at: now, origin: RequestOrigin(requestID: "logout-notice", address: nil),
            clientID: notice.client.rawValue,
            reason: failure == .refused
                ? "the client refused the logout token" : "the client did not take the logout token for an hour",
            figures: status.map { "status \($0)" } ?? "no answer")
    }
}
