/// A successful answer of the token endpoint (RFC 6749 §5.1).
package struct TokenResponse: Sendable {
    package let accessToken: String
    package let tokenType: TokenType
    package let expiresInSeconds: Int
    package let refreshToken: String?
    /// When `openid` was granted (OpenID Connect Core §3.1.3.3).
    package let idToken: String?
    /// Of an exchanged token (RFC 8693 §2.2.1).
    package let issuedTokenType: String?
    package let scope: Scope

    package init(
        _ issued: AccessTokenIssuer.Issued, refreshToken: String? = nil, idToken: String? = nil,
        issuedTokenType: String? = nil, scope: Scope
    ) {
        self.issuedTokenType = issuedTokenType
        self.accessToken = issued.token
        self.tokenType = issued.type
        self.expiresInSeconds = issued.lifetimeSeconds
        self.refreshToken = refreshToken
        self.idToken = idToken
        self.scope = scope
    }
}
