import Accounts
import OAuth
import Time

extension SQLConnection {
    func insert(_ grant: Grant, expiresAt: Timestamp) async throws {
        let methods = grant.methods.words
        try await send(
            """
            INSERT INTO token_grant
                (id, account_id, client_id, scope, resources, authenticated_at, methods, session_id, is_offline,
                expires_at)
            VALUES (\(grant.id), \(grant.account), \(grant.client), \(grant.scope), \(grant.resources),
                \(grant.authenticatedAt), \(methods), \(grant.session), \(grant.scope.asksForRefreshToken),
                \(expiresAt))
            """)
    }

    /// The grant, unless it was revoked or its account is disabled or gone.
    func liveGrant(_ id: GrantID) async throws -> Grant? {
        try await first(
            """
            SELECT g.id, g.account_id, g.client_id, g.scope, g.authenticated_at, g.methods, g.session_id,
                g.resources
            FROM token_grant g JOIN account a ON a.id = g.account_id
            WHERE g.id = \(id) AND g.revoked_at IS NULL AND a.disabled_at IS NULL
            """
        ).map(Grant.init(row:))
    }

    /// Keeps a grant as long as anything that hangs from it.
    func extendGrant(_ id: GrantID, until expiresAt: Timestamp) async throws {
        try await send(
            "UPDATE token_grant SET expires_at = \(expiresAt) WHERE id = \(id) AND expires_at < \(expiresAt)")
    }
}

extension Grant {
    init(row: SQLRow) throws {
        self.init(
            id: GrantID(try row.text(0)), account: AccountID(try row.text(1)), client: ClientID(try row.text(2)),
            scope: Scope(try row.text(3)) ?? .empty, resources: Resources(text: try row.text(7)),
            authenticatedAt: try row.time(4),
            methods: [AuthenticationMethod](words: try row.text(5)),
            session: try row.optionalText(6).map(SessionID.init))
    }
}

extension [AuthenticationMethod] {
    var words: String { map(\.rawValue).joined(separator: " ") }

    init(words: String) {
        self = words.split(separator: " ").compactMap { AuthenticationMethod(rawValue: String($0)) }
    }
}
