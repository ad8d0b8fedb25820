import Accounts
package import DeveloperLog
package import OAuth
import RateLimiting
package import Time

extension SQLStore: AuthorizationStore {
    package func authorize(
        _ attempt: AuthorizationAttempt, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> AuthorizationOutcome {
        try await engine.write { connection in
            // It is in use, so its idle time starts anew.
            guard let session = try await connection.hold(attempt.session, idleUntil: attempt.idleUntil, at: now) else {
                return .signedOut
            }
            let authorization = attempt.authorization
            let consented = try await connection.consentedScope(of: session.account, to: authorization.client)
            if let interaction = attempt.interaction(session, consented) { return .interaction(interaction, session) }
            if let charge = attempt.charge(session), let refusal = try await connection.charge([charge], at: now) {
                try await connection.record(
                    SecurityEvent(
                        .authorizationRefused, at: now, origin: origin, clientID: authorization.client.rawValue,
                        accountID: session.account.rawValue, rule: refusal.name.rawValue, reason: "limit reached",
                        retryAfterSeconds: refusal.retryAfterSeconds))
                return .limited(refusal)
            }
            if let once = authorization.once, try await !connection.spend(once) { return .requestUsed }
            if attempt.isConsentGiven {
                try await connection.remember(
                    authorization.scope, of: session.account, to: authorization.client, at: now)
            }
            try await connection.issue(authorization, in: session)
            if authorization.isToldOfLogout {
                try await connection.remember(authorization.client, toBeToldOf: attempt.session)
            }
            return .issued
        }
    }
}

extension SQLConnection {
    /// The row is this act's until it commits: whoever takes the consent back meanwhile waits, and then ends what came
    /// of it, too.
    fileprivate func consentedScope(of account: AccountID, to client: ClientID) async throws -> Scope? {
        let row = try await first(
            """
            UPDATE consent SET scope = scope WHERE account_id = \(account) AND client_id = \(client) RETURNING scope
            """)
        return try row.flatMap { Scope(try $0.text(0)) }
    }

    fileprivate func remember(
        _ scope: Scope, of account: AccountID, to client: ClientID, at now: Timestamp
    ) async throws {
        let isFirst =
            try await run(
                """
                INSERT INTO consent (account_id, client_id, scope, given_at)
                VALUES (\(account), \(client), \(scope), \(now)) ON CONFLICT (account_id, client_id) DO NOTHING
                """) == 1
        guard !isFirst else { return }
        // Looked at again: another browser may have given the first one meanwhile.
        let all = try await consentedScope(of: account, to: client)?.union(scope) ?? scope
        try await send(
            """
            UPDATE consent SET scope = \(all), given_at = \(now)
            WHERE account_id = \(account) AND client_id = \(client)
            """)
    }

    /// Apps have to ask again.
    func forgetConsents(of account: AccountID) async throws {
        try await send("DELETE FROM consent WHERE account_id = \(account)")
    }

    fileprivate func issue(_ authorization: NewAuthorization, in session: Session) async throws {
        try await insert(
            Grant(
                id: authorization.grant, account: session.account, client: authorization.client,
                scope: authorization.scope, resources: authorization.resources,
                authenticatedAt: session.authenticatedAt, methods: session.methods,
                session: session.id),
            expiresAt: authorization.expiresAt)
        try await send(
            """
            INSERT INTO authorization_code
                (digest, grant_id, client_id, redirect_uri, redirect_requested, code_challenge, key_thumbprint, nonce,
                expires_at)
            VALUES (\(authorization.code), \(authorization.grant), \(authorization.client),
                \(authorization.redirect.uri), \(authorization.redirect.wasRequested), \(authorization.codeChallenge),
                \(authorization.keyThumbprint), \(authorization.nonce), \(authorization.expiresAt))
            """)
    }
}
