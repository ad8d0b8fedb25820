package import AccountManagement
package import Accounts
package import Cryptography
package import DeveloperLog
package import OAuth
import PhoneLogin
package import Time

extension SQLStore {
    package func sessions(of account: AccountID, at now: Timestamp) async throws -> [SessionSummary] {
        try await engine.read { connection in
            try await connection.rows(
                """
                SELECT id, device, authenticated_at FROM session
                WHERE account_id = \(account) AND idle_until > \(now) AND expires_at > \(now)
                ORDER BY authenticated_at DESC
                """
            ).map {
                SessionSummary(
                    id: SessionID(try $0.text(0)), device: try $0.optionalText(1), authenticatedAt: try $0.time(2))
            }
        }
    }

    package func apps(of account: AccountID, at now: Timestamp) async throws -> [AppAccess] {
        try await engine.read { connection in
            // A grant whose code nobody redeemed is no access.
            let rows = try await connection.rows(
                """
                SELECT client_id, scope, authenticated_at FROM token_grant g
                WHERE account_id = \(account) AND revoked_at IS NULL AND expires_at > \(now)
                    AND NOT EXISTS (SELECT 1 FROM authorization_code c
                        WHERE c.grant_id = g.id AND c.redeemed_at IS NULL)
                    AND NOT EXISTS (SELECT 1 FROM device_authorization d WHERE d.grant_id = g.id)
                UNION ALL
                SELECT client_id, scope, given_at FROM consent WHERE account_id = \(account)
                """)
            var apps: [ClientID: AppAccess] = [:]
            for row in rows {
                let access = AppAccess(
                    client: ClientID(try row.text(0)), scope: Scope(try row.text(1)) ?? .empty, since: try row.time(2))
                let known = apps[access.client]
                apps[access.client] = AppAccess(
                    client: access.client, scope: known?.scope.union(access.scope) ?? access.scope,
                    since: min(known?.since ?? access.since, access.since))
            }
            return apps.values.sorted { $0.client.rawValue < $1.client.rawValue }
        }
    }

    package func revokeApp(
        _ client: ClientID, of account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            try await connection.lock(.account(account))
            // First: an authorization under way holds it, and what it grants ends below.
            try await connection.send(
                "DELETE FROM consent WHERE account_id = \(account) AND client_id = \(client)")
            try await connection.revoke(.accountAtClient(account, client), at: now)
            try await connection.record(
                SecurityEvent(
                    .tokenRevoked, at: now, origin: origin, clientID: client.rawValue, accountID: account.rawValue,
                    reason: "by the person, every token of the app"))
        }
    }

    package func endSession(_ session: SessionID, of account: AccountID, at now: Timestamp) async throws {
        try await engine.write { connection in
            let isTheirs =
                try await connection.first(
                    "SELECT 1 FROM session WHERE id = \(session) AND account_id = \(account)") != nil
            if isTheirs { _ = try await connection.end(session, at: now) }
        }
    }

    package func endOthers(_ anchor: SignInAnchor, of account: AccountID, at now: Timestamp) async throws {
        try await engine.write { connection in
            try await connection.lock(.account(account))
            try await connection.end(.others(anchor), of: account, at: now)
        }
    }

    package func parked(before account: AccountID) async throws -> ParkedAccount? {
        try await engine.read { connection in
            try await connection.first(
                """
                SELECT p.account_id, p.number, p.parked_at
                FROM account_phone n JOIN account_parked p ON p.number = n.number
                WHERE n.account_id = \(account) AND p.account_id <> \(account)
                ORDER BY p.parked_at DESC
                """
            ).map {
                ParkedAccount(
                    id: AccountID(try $0.text(0)), number: PhoneIdentity(rawValue: try $0.text(1)),
                    parkedAt: try $0.time(2))
            }
        }
    }

    package func reclaim(
        _ parked: AccountID, for account: AccountID, session: SHA256Digest, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            try await connection.lock([parked, account])
            return try await connection.reclaim(parked, for: account, session: session, from: origin, at: now)
        }
    }
}

extension SQLConnection {
    /// False when the number went on meanwhile. The caller has locked both accounts.
    func reclaim(
        _ parked: AccountID, for account: AccountID, session: SHA256Digest, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> Bool {
        let row = try await first(
            """
            SELECT p.number FROM account_parked p JOIN account a ON a.id = p.account_id
            WHERE p.account_id = \(parked) AND a.disabled_at IS NULL
            """)
        guard let row else { return false }
        let identity = PhoneIdentity(rawValue: try row.text(0))
        let isBack =
            try await run(
                """
                UPDATE account_phone SET account_id = \(parked), last_proof_at = \(now)
                WHERE number = \(identity) AND account_id = \(account)
                """) == 1
        guard isBack else { return false }
        try await send("DELETE FROM account_parked WHERE account_id = \(parked)")
        try await removeAddresses(.phone, of: parked, butFor: identity.rawValue)
        // The browser goes on as the old account; what apps got of the fresh one was never the old one's.
        try await send(
            "UPDATE session SET account_id = \(parked) WHERE digest = \(session) AND account_id = \(account)")
        try await end(.all, of: account, at: now)
        try await record(
            SecurityEvent(
                .numberRecycled, at: now, origin: origin, accountID: parked.rawValue, phone: identity.masked,
                reason: "the parked account has its number back, by a second proof"))
        return true
    }
}
