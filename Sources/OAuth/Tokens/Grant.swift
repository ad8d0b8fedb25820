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
    /// When the person proved who they are (OpenID Connect Core §2, `auth_time`).
    package let authenticatedAt: Timestamp
    /// How (RFC 8176): `sms` for a texted code.
    package let methods: [AuthenticationMethod]

    package init(
        id: GrantID, account: AccountID, client: ClientID, scope: Scope, authenticatedAt: Timestamp,
        methods: [AuthenticationMethod]
    ) {
        self.id = id
        self.account = account
        self.client = client
        self.scope = scope
        self.authenticatedAt = authenticatedAt
        self.methods = methods
    }
}

/// RFC 8176 §2.
package enum AuthenticationMethod: String, Sendable, CaseIterable {
    case oneTimePassword = "otp"
    case sms
}
