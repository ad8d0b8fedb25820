package import AccountManagement
import Accounts
package import Cryptography
package import DeveloperLog
package import OAuth
package import Time

extension SQLStore {
    package func bearer(
        _ token: SHA256Digest, _ kind: OpaqueToken.Kind, at now: Timestamp
    ) async throws -> OpaqueBearer? {
        try await engine.read { connection in
            let row = try await connection.first(
                """
                SELECT g.account_id, g.id, g.client_id
                FROM opaque_token t JOIN token_grant g ON g.id = t.grant_id JOIN account a ON a.id = g.account_id
                WHERE t.digest = \(token) AND t.kind = \(kind.rawValue) AND t.expires_at > \(now)
                    AND g.revoked_at IS NULL AND a.disabled_at IS NULL
                """)
            return try row.map(OpaqueBearer.init(row:))
        }
    }

    package func add(_ token: OpaqueToken, to grant: GrantID) async throws -> Bool {
        try await engine.write { connection in
            guard try await connection.hold(grant, until: token.expiresAt) else { return false }
            try await connection.insert(token, of: grant)
            return true
        }
    }

    package func exchange(
        _ token: SHA256Digest, _ kind: OpaqueToken.Kind, of client: ClientID, for tokens: [OpaqueToken],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> OpaqueBearer? {
        try await engine.write { connection in
            let row = try await connection.first(
                """
                SELECT g.account_id, g.id, g.client_id FROM opaque_token t JOIN token_grant g ON g.id = t.grant_id
                WHERE t.digest = \(token) AND t.kind = \(kind.rawValue) AND t.expires_at > \(now)
                    AND g.client_id = \(client)
                """)
            guard let bearer = try row.map(OpaqueBearer.init(row:)),
                try await connection.spend(token, of: bearer.grant, until: tokens.map(\.expiresAt).max() ?? now)
            else {
                try await connection.record(
                    SecurityEvent(
                        .proofRefused, at: now, origin: origin, clientID: client.rawValue,
                        reason: "a login token that is unknown, used or over"))
                return nil
            }
            for token in tokens { try await connection.insert(token, of: bearer.grant) }
            return bearer
        }
    }

    package func end(_ grant: GrantID, at now: Timestamp) async throws {
        try await engine.write { connection in
            _ = try await connection.revokeGrant(grant, at: now)
            try await connection.send("DELETE FROM opaque_token WHERE grant_id = \(grant)")
        }
    }
}

extension SQLConnection {
    /// Keeps a live grant until `end` at least. Its row is this act's until it commits: whoever ends the grant
    /// meanwhile waits, and then ends what came of it, too.
    fileprivate func hold(_ grant: GrantID, until end: Timestamp) async throws -> Bool {
        try await run(
            """
            UPDATE token_grant SET expires_at = CASE WHEN expires_at < \(end) THEN \(end) ELSE expires_at END
            WHERE id = \(grant) AND revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM account a WHERE a.id = token_grant.account_id AND a.disabled_at IS NULL)
            """) == 1
    }

    /// The row is the referee: of two that race with one token, one deletes it. The grant comes first, as where grants
    /// end.
    fileprivate func spend(_ token: SHA256Digest, of grant: GrantID, until end: Timestamp) async throws -> Bool {
        guard try await hold(grant, until: end) else { return false }
        return try await run("DELETE FROM opaque_token WHERE digest = \(token)") == 1
    }
}

extension OpaqueBearer {
    fileprivate init(row: SQLRow) throws {
        self.init(
            account: AccountID(try row.text(0)), grant: GrantID(try row.text(1)), client: ClientID(try row.text(2)))
    }
}
