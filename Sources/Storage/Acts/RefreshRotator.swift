import DeveloperLog
import OAuth
import RateLimiting
import Time

/// One rotation of a refresh token, inside its transaction.
struct RefreshRotator {
    let connection: any SQLConnection
    let presentation: RefreshPresentation
    let origin: RequestOrigin
    let now: Timestamp

    func rotate(charging charges: [LimitCharge]) async throws -> RefreshRotation {
        let spent = try await connection.first(
            """
            UPDATE refresh_token SET rotated_at = \(now)
            WHERE digest = \(presentation.digest) AND client_id = \(presentation.client)
                AND rotated_at IS NULL AND expires_at > \(now)
            RETURNING grant_id, confirmation
            """)
        guard let spent else { return try await judgeSpent(charging: charges) }
        if let limited = try await limit(charges) {
            try await unspend()
            return limited
        }
        return try await succeed(GrantID(try spent.text(0)), bound: try spent.confirmation(1))
    }

    /// As late as can be: the client's row is everybody's who signed in to it.
    private func limit(_ charges: [LimitCharge]) async throws -> RefreshRotation? {
        try await connection.chargeTokenRequest(charges, client: presentation.client, origin: origin, at: now)
            .map(RefreshRotation.limited)
    }

    private func unspend() async throws {
        try await connection.send("UPDATE refresh_token SET rotated_at = NULL WHERE digest = \(presentation.digest)")
    }

    private func succeed(_ grantID: GrantID, bound: KeyConfirmation?) async throws -> RefreshRotation {
        guard let grant = try await connection.liveGrant(grantID) else {
            try await record(.refreshRefused, "the grant is revoked or its account disabled")
            return .unknown
        }
        if let objection = presentation.objection(grant, bound) {
            try await unspend()
            return try await refuse(objection)
        }
        let successor = NewRefreshToken(
            digest: presentation.successor.digest, expiresAt: presentation.successor.expiresAt, confirmation: bound)
        try await connection.insert(successor, grant: grant)
        try await connection.extendGrant(
            grantID, until: max(presentation.successor.expiresAt, presentation.accessTokenExpiresAt))
        return .rotated(grant)
    }

    /// A token seen before: inside the grace it answers like the first time, for two tabs or a lost reply;
    /// after it somebody holds a copy, and nobody can tell who.
    private func judgeSpent(charging charges: [LimitCharge]) async throws -> RefreshRotation {
        let row = try await connection.first(
            """
            SELECT grant_id, rotated_at, confirmation FROM refresh_token
            WHERE digest = \(presentation.digest) AND client_id = \(presentation.client)
                AND rotated_at IS NOT NULL
            """)
        guard let row else {
            try await record(.refreshRefused, "unknown, expired, or of another client")
            return .unknown
        }
        let grantID = GrantID(try row.text(0))
        guard now < (try row.time(1)).adding(seconds: presentation.graceSeconds) else {
            if try await connection.revokeGrant(grantID, at: now) {
                try await record(.refreshReused, "a spent refresh token came back; its grant is revoked")
            }
            return .reused
        }
        guard let grant = try await connection.liveGrant(grantID) else {
            try await record(.refreshRefused, "the grant is revoked or its account disabled")
            return .unknown
        }
        // Only now: a token that nobody issued, or a stale one, costs its client nothing.
        if let limited = try await limit(charges) { return limited }
        let bound = try row.confirmation(2)
        if let objection = presentation.objection(grant, bound) { return try await refuse(objection) }
        return .rotated(grant)
    }

    private func refuse(_ objection: OAuthError) async throws -> RefreshRotation {
        try await record(objection.code == .invalidScope ? .scopeRefused : .refreshRefused, objection.description)
        return .refused(objection)
    }

    private func record(_ kind: SecurityEvent.Kind, _ reason: StaticString) async throws {
        try await connection.record(
            SecurityEvent(kind, at: now, origin: origin, clientID: presentation.client.rawValue, reason: reason))
    }
}

extension SQLRow {
    /// A binding that is not understood must not turn into none.
    fileprivate func confirmation(_ column: Int) throws -> KeyConfirmation? {
        guard let text = try optionalText(column) else { return nil }
        guard let confirmation = KeyConfirmation(text: text) else { throw UnexpectedColumn(column: column) }
        return confirmation
    }
}
