import AccountManagement
import Accounts
package import Cryptography
package import DeveloperLog
package import OAuth
import PhoneLogin
package import RateLimiting
package import Time

extension SQLStore: TokenStore {
    package func redeem(
        _ presentation: CodePresentation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> CodeRedemption {
        try await engine.write { connection in
            try await CodeRedeemer(connection: connection, presentation: presentation, origin: origin, now: now)
                .redeem(charging: charges)
        }
    }

    package func rotate(
        _ presentation: RefreshPresentation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> RefreshRotation {
        try await engine.write { connection in
            try await RefreshRotator(connection: connection, presentation: presentation, origin: origin, now: now)
                .rotate(charging: charges)
        }
    }

    package func charge(
        _ charges: [LimitCharge], for client: ClientID, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> LimitRefusal? {
        try await engine.write { connection in
            try await connection.chargeTokenRequest(charges, client: client, origin: origin, at: now)
        }
    }

    package func isActive(tokenID: String, grant: GrantID?) async throws -> Bool {
        try await engine.read { connection in
            guard let grant else {
                return try await connection.first("SELECT 1 FROM revoked_token WHERE id = \(tokenID)") == nil
            }
            return try await connection.first(
                """
                SELECT 1 FROM token_grant g JOIN account a ON a.id = g.account_id
                WHERE g.id = \(grant) AND g.revoked_at IS NULL AND a.disabled_at IS NULL
                    AND NOT EXISTS (SELECT 1 FROM revoked_token WHERE id = \(tokenID))
                """) != nil
        }
    }

    package func holder(tokenID: String, grant: GrantID) async throws -> TokenHolder? {
        try await engine.read { connection in
            let row = try await connection.first(
                """
                SELECT g.account_id, g.session_id, g.client_id
                FROM token_grant g JOIN account a ON a.id = g.account_id
                WHERE g.id = \(grant) AND g.revoked_at IS NULL AND a.disabled_at IS NULL
                    AND NOT EXISTS (SELECT 1 FROM revoked_token WHERE id = \(tokenID))
                """)
            guard let row, let profile = try await connection.profile(of: AccountID(try row.text(0))) else {
                return nil
            }
            return TokenHolder(
                profile: profile, client: ClientID(try row.text(2)),
                session: try row.optionalText(1).map(SessionID.init))
        }
    }

    package func refreshToken(_ digest: SHA256Digest, at now: Timestamp) async throws -> RefreshTokenState? {
        try await engine.read { connection in
            let row = try await connection.first(
                """
                SELECT grant_id, expires_at FROM refresh_token
                WHERE digest = \(digest) AND rotated_at IS NULL AND expires_at > \(now)
                """)
            let opaque = try await connection.first(
                """
                SELECT grant_id, expires_at FROM opaque_token
                WHERE digest = \(digest) AND expires_at > \(now) AND kind <> \(OpaqueToken.Kind.monacaLogin.rawValue)
                """)
            guard let found = row ?? opaque, let grant = try await connection.liveGrant(GrantID(try found.text(0)))
            else { return nil }
            return RefreshTokenState(grant: grant, expiresAt: try found.time(1), isAccessToken: row == nil)
        }
    }

    package func revokeRefreshToken(
        _ digest: SHA256Digest, of client: ClientID, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            let row = try await connection.first(
                """
                SELECT grant_id FROM refresh_token WHERE digest = \(digest) AND client_id = \(client)
                UNION ALL
                SELECT t.grant_id FROM opaque_token t JOIN token_grant g ON g.id = t.grant_id
                WHERE t.digest = \(digest) AND g.client_id = \(client)
                """)
            guard let row, try await connection.revokeGrant(GrantID(try row.text(0)), at: now) else { return }
            try await connection.record(.revoked(client, "by its client, with a refresh token", origin, now))
        }
    }

    package func revokeAccessToken(
        id: String, expiresAt: Timestamp, of client: ClientID, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            let isNew =
                try await connection.run(
                    """
                    INSERT INTO revoked_token (id, expires_at) VALUES (\(id), \(expiresAt)) ON CONFLICT (id) DO NOTHING
                    """) == 1
            guard isNew else { return }
            try await connection.listRevokedToken(id, at: now)
            try await connection.record(.revoked(client, "by its client, one access token", origin, now))
        }
    }
}

extension SecurityEvent {
    fileprivate static func revoked(
        _ client: ClientID, _ reason: StaticString, _ origin: RequestOrigin, _ now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(.tokenRevoked, at: now, origin: origin, clientID: client.rawValue, reason: reason)
    }
}

extension SQLConnection {
    /// Counts a token request and writes the refusal, if there is one.
    func chargeTokenRequest(
        _ charges: [LimitCharge], client: ClientID, origin: RequestOrigin, at now: Timestamp
    ) async throws -> LimitRefusal? {
        guard let refusal = try await charge(charges, at: now) else { return nil }
        try await record(
            SecurityEvent(
                .tokenRefused, at: now, origin: origin, clientID: client.rawValue, rule: refusal.name.rawValue,
                reason: "limit reached", retryAfterSeconds: refusal.retryAfterSeconds))
        return refusal
    }
}
