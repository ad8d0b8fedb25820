import DeveloperLog
import OAuth
import RateLimiting
import Time

/// One redemption of an authorization code, inside its transaction.
struct CodeRedeemer {
    let connection: any SQLConnection
    let presentation: CodePresentation
    let origin: RequestOrigin
    let now: Timestamp

    func redeem(charging charges: [LimitCharge]) async throws -> CodeRedemption {
        // One guarded statement, no read before it: the row is the referee, however many race.
        let spent = try await connection.first(
            """
            UPDATE authorization_code SET redeemed_at = \(now)
            WHERE digest = \(presentation.digest) AND client_id = \(presentation.client)
                AND redeemed_at IS NULL AND expires_at > \(now)
            RETURNING grant_id, redirect_uri, redirect_requested, code_challenge, nonce, key_thumbprint
            """)
        // A code nobody issued costs its client nothing, or strangers could use up a public client's limit.
        guard let spent else { return try await refuse() }
        // As late as can be: the client's row is everybody's who signs in to it.
        let refusal = try await connection.chargeTokenRequest(
            charges, client: presentation.client, origin: origin, at: now)
        if let refusal {
            try await connection.send(
                "UPDATE authorization_code SET redeemed_at = NULL WHERE digest = \(presentation.digest)")
            return .limited(refusal)
        }
        return try await judge(spent)
    }

    private func judge(_ spent: SQLRow) async throws -> CodeRedemption {
        let binding = CodeBinding(
            redirectURI: try spent.text(1), redirectWasRequested: try spent.integer(2) != 0,
            codeChallenge: try spent.optionalText(3).flatMap { CodeChallenge($0) },
            keyThumbprint: try spent.optionalText(5))
        if let mismatch = binding.mismatch(of: presentation) {
            try await record(.codeRefused, "redirect_uri, code_verifier or key does not fit; the code is spent")
            return .mismatched(mismatch)
        }
        guard let grant = try await connection.liveGrant(GrantID(try spent.text(0))) else {
            try await record(.codeRefused, "the grant is revoked or its account disabled")
            return .unknown
        }
        try await connection.furnish(
            grant, with: presentation.refreshToken, accessTokenExpiresAt: presentation.accessTokenExpiresAt)
        return .redeemed(grant, nonce: try spent.optionalText(4))
    }

    private func refuse() async throws -> CodeRedemption {
        let replayed = try await connection.first(
            """
            SELECT grant_id FROM authorization_code
            WHERE digest = \(presentation.digest) AND client_id = \(presentation.client) AND redeemed_at IS NOT NULL
            """)
        guard let replayed else {
            try await record(.codeRefused, "unknown, expired, or of another client")
            return .unknown
        }
        // A code seen twice is a stolen code: everything it ever made dies (RFC 6749 §4.1.2).
        if try await connection.revokeGrant(GrantID(try replayed.text(0)), at: now) {
            try await record(.codeReplayed, "a code was presented again; its grant is revoked")
        } else {
            try await record(.codeRefused, "a code was presented again; its grant was revoked before")
        }
        return .replayed
    }

    private func record(_ kind: SecurityEvent.Kind, _ reason: StaticString) async throws {
        try await connection.record(
            SecurityEvent(kind, at: now, origin: origin, clientID: presentation.client.rawValue, reason: reason))
    }
}

extension SQLConnection {
    /// Hangs the refresh token from its grant, if the grant asks for one, and keeps the grant as long as its tokens.
    func furnish(
        _ grant: Grant, with refreshToken: NewRefreshToken?, accessTokenExpiresAt: Timestamp
    ) async throws {
        var expiresAt = accessTokenExpiresAt
        if let refreshToken, grant.scope.asksForRefreshToken {
            try await insert(refreshToken, grant: grant)
            expiresAt = max(expiresAt, refreshToken.expiresAt)
        }
        try await extendGrant(grant.id, until: expiresAt)
    }

    func insert(_ token: NewRefreshToken, grant: Grant) async throws {
        try await send(
            """
            INSERT INTO refresh_token (digest, grant_id, client_id, expires_at, confirmation)
            VALUES (\(token.digest), \(grant.id), \(grant.client), \(token.expiresAt), \(token.confirmation))
            """)
    }
}
