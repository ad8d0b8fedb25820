import Accounts
package import OAuth
import Time

/// Some grants, as a condition on `token_grant`.
enum GrantSelection {
    case one(GrantID)
    /// What was granted for as long as the person is signed in. Offline access is what outlives that (OpenID Connect
    /// Core §11).
    case session(SessionID)
    case account(AccountID)
    case accountButFor(AccountID, GrantID)
    case accountButForSession(AccountID, SessionID)
    case accountAtClient(AccountID, ClientID)
    /// Of a client that registered itself, and is gone.
    case registeredClient(ClientID)
}

extension SQLConnection {
    /// Ends grants, and says so in the list of revocations: the one way a grant ends.
    ///
    /// - Returns: how many there were to end.
    @discardableResult
    func revoke(_ grants: GrantSelection, at now: Timestamp) async throws -> Int {
        let ended = try await rows(
            "UPDATE token_grant SET \(revokedAt: now) WHERE \(grants) AND revoked_at IS NULL RETURNING id")
        // In parts: a client that is gone may have had thousands.
        for start in stride(from: 0, to: ended.count, by: 100) {
            let part = ended[start..<min(start + 100, ended.count)]
            try await list(part.map { [now, "grant", try $0.text(0)] })
        }
        return ended.count
    }

    /// True for the call that ended it.
    func revokeGrant(_ id: GrantID, at now: Timestamp) async throws -> Bool { try await revoke(.one(id), at: now) == 1 }

    func listRevokedToken(_ id: String, at now: Timestamp) async throws {
        try await list([[now, "token", id]])
    }

    /// Whoever saw a position never misses a smaller one: positions are given out in the order of the commits.
    private func list(_ entries: [[any SQLBindable]]) async throws {
        try await conclude(
            "INSERT INTO revocation (at, kind, id) VALUES \(rows: entries)", under: ActLock.revocations.key)
    }
}

extension SQLStatement.StringInterpolation {
    mutating func appendInterpolation(_ grants: GrantSelection) {
        switch grants {
        case .one(let id): append("id = ", id)
        case .session(let session): append("is_offline = 0 AND session_id = ", session)
        case .account(let account): append("account_id = ", account)
        case .accountButFor(let account, let spared):
            append("id <> ", spared)
            append(" AND account_id = ", account)
        case .accountButForSession(let account, let spared):
            append("(session_id IS NULL OR session_id <> ", spared)
            append(") AND account_id = ", account)
        case .accountAtClient(let account, let client):
            append("client_id = ", client)
            append(" AND account_id = ", account)
        case .registeredClient(let client):
            // Their ids are told by their beginning, and theirs alone are in an index.
            append("substr(client_id, 1, 4) = 'reg-' AND client_id = ", client)
        }
    }

    private mutating func append(_ text: String, _ value: some SQLBindable) {
        appendLiteral(text)
        appendInterpolation(value)
    }

    /// Some grants were made to last for ever; an ended one need not.
    fileprivate mutating func appendInterpolation(revokedAt now: Timestamp) {
        let latest = now.adding(seconds: 30 * 86_400)
        append("revoked_at = ", now)
        append(", expires_at = CASE WHEN expires_at > ", latest)
        append(" THEN ", latest)
        appendLiteral(" ELSE expires_at END")
    }
}

extension SQLStore: RevocationStore {
    package func revocationExtent() async throws -> RevocationExtent {
        try await engine.read { connection in
            let row = try await connection.first(
                "SELECT (SELECT MIN(position) FROM revocation), (SELECT MAX(position) FROM revocation)")
            return RevocationExtent(
                oldest: try row?.optionalInteger(0) ?? 0, newest: try row?.optionalInteger(1) ?? 0)
        }
    }

    package func revocations(after position: Int64, atMost count: Int) async throws -> [Revocation] {
        try await engine.read { connection in
            try await connection.rows(
                """
                SELECT position, kind, id FROM revocation WHERE position > \(position)
                ORDER BY position LIMIT \(count)
                """
            ).map { row in
                let id = try row.text(2)
                return Revocation(
                    position: try row.integer(0), subject: try row.text(1) == "grant" ? .grant(GrantID(id)) : .token(id)
                )
            }
        }
    }
}
