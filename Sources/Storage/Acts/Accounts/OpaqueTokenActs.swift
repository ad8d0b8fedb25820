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
            guard try await connection.liveGrant(grant) != nil else { return false }
            try await connection.insert(token, of: grant)
            try await connection.extendGrant(grant, until: token.expiresAt)
            return true
        }
    }

    package func exchange(
        _ token: SHA256Digest, _ kind: OpaqueToken.Kind, of client: ClientID, for tokens: [OpaqueToken],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> OpaqueBearer? {
        try await engine.write { connection in
            // The row is the referee: of two that race with one token, one deletes it.
            let spent = try await connection.first(
                """
                DELETE FROM opaque_token
                WHERE digest = \(token) AND kind = \(kind.rawValue) AND expires_at > \(now) AND grant_id IN
                    (SELECT g.id FROM token_grant g JOIN account a ON a.id = g.account_id
                    WHERE g.id = opaque_token.grant_id AND g.client_id = \(client) AND g.revoked_at IS NULL
                        AND a.disabled_at IS NULL)
                RETURNING grant_id
                """)
            guard let spent else {
                try await connection.record(
                    SecurityEvent(
                        .proofRefused, at: now, origin: origin, clientID: client.rawValue,
                        reason: "a login token that is unknown, used or over"))
                return nil
            }
            let grant = GrantID(try spent.text(0))
            for token in tokens {
                try await connection.insert(token, of: grant)
                try await connection.extendGrant(grant, until: token.expiresAt)
            }
            let row = try await connection.first(
                "SELECT account_id, id, client_id FROM token_grant WHERE id = \(grant)")
            return try row.map(OpaqueBearer.init(row:))
        }
    }

    package func end(_ grant: GrantID, at now: Timestamp) async throws {
        try await engine.write { connection in
            _ = try await connection.revokeGrant(grant, at: now)
            try await connection.run("DELETE FROM opaque_token WHERE grant_id = \(grant)")
        }
    }
}

extension OpaqueBearer {
    fileprivate init(row: SQLRow) throws {
        self.init(
            account: AccountID(try row.text(0)), grant: GrantID(try row.text(1)), client: ClientID(try row.text(2)))
    }
}
