package import JOSE
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
    package let confirmation: KeyConfirmation?
    /// Who acts for the subject (RFC 8693 §4.1): the `act` claim as it stands.
    package let actor: JSONValue?
    /// When and how the person signed in (RFC 9068 §2.2.1); `nil` for a token of a client itself.
    package let authenticatedAt: Timestamp?
    package let authenticationContext: String?
    /// RFC 8176.
    package let authenticationMethods: [String]
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
        // A binding that is not understood must not turn into none.
        let bound = claims.members["cnf"]
        confirmation = bound.flatMap(KeyConfirmation.init(claim:))
        guard bound == nil || confirmation != nil else { return nil }
        actor = claims.members["act"]
        authenticatedAt = claims.members["auth_time"]?.integer.map { Timestamp(seconds: $0) }
        authenticationContext = claims.members["acr"]?.string
        authenticationMethods = claims.members["amr"]?.array?.compactMap(\.string) ?? []
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}
