package import Accounts
package import Time

/// 128 random bits in base64url.
package struct GrantID: Hashable, Sendable {
    package let rawValue: String
    package init(_ rawValue: String) { self.rawValue = rawValue }
}

/// What one user allowed one client. Every token hangs from a grant, so that ending it ends them.
package struct Grant: Sendable, Equatable {
    package let id: GrantID
    package let account: AccountID
    package let client: ClientID
    package let scope: Scope
    package let resources: Resources
    /// When the person proved who they are (OpenID Connect Core §2, `auth_time`).
    package let authenticatedAt: Timestamp
    /// How (RFC 8176): `sms` for a texted code.
    package let methods: [AuthenticationMethod]
    /// The browser session it was made in; `nil` when an app ran the login itself.
    package let session: SessionID?

    package init(
        id: GrantID, account: AccountID, client: ClientID, scope: Scope, resources: Resources = .none,
        authenticatedAt: Timestamp, methods: [AuthenticationMethod], session: SessionID? = nil
    ) {
        self.id = id
        self.account = account
        self.client = client
        self.scope = scope
        self.resources = resources
        self.authenticatedAt = authenticatedAt
        self.methods = methods
        self.session = session
    }
}
