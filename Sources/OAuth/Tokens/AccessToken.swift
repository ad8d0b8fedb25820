import JOSE
package import Time

/// An access token of this server whose signature and claims were checked. Only `AccessTokenVerifier` makes it.
package struct AccessToken: Sendable {
    package let id: String
    package let subject: String
    package let client: ClientID
    package let audience: [String]
    package let scope: Scope
    /// `nil` for a token of a client itself.
    package let grant: GrantID?
    package let issuedAt: Timestamp
    package let expiresAt: Timestamp

    init?(_ claims: JWTClaims) {
        guard let id = claims.jwtID, let subject = claims.subject,
            let client = claims.members["client_id"]?.string,
            let issuedAt = claims.issuedAt, let expiresAt = claims.expiresAt,
            let scope = Scope(claims.members["scope"]?.string ?? "")
        else { return nil }
        self.id = id
        self.subject = subject
        self.client = ClientID(client)
        self.audience = claims.audience
        self.scope = scope
        self.grant = claims.members[AccessTokenIssuer.grantClaim]?.string.map(GrantID.init)
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}
