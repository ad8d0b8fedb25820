package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

/// What the token endpoint knows of a request, whatever its grant.
struct TokenRequest: Sendable {
    let form: FormParameters
    let client: Client
    let origin: RequestOrigin
    let now: Timestamp
    /// What the request counts against, once its code or token proved genuine.
    let charges: [LimitCharge]
}

/// One grant: decides who gets what; what all grants share is `TokenEndpoint`'s.
protocol TokenGrant: Sendable {
    static var type: GrantType { get }
    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse
}

/// The token endpoint (RFC 6749 §3.2) without its HTTP.
package struct TokenEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let limit: Limit?
    private let authorizationCode: AuthorizationCodeGrant
    private let refreshToken: RefreshTokenGrant
    private let clientCredentials: ClientCredentialsGrant

    package init(
        authenticator: ClientAuthenticator, store: any TokenStore, issuer: AccessTokenIssuer,
        idTokens: IDTokenIssuer, settings: TokenSettings, refreshTokens: RefreshTokenDerivation, limitPerClient: Limit?,
        entropy: Entropy
    ) {
        self.authenticator = authenticator
        self.limit = limitPerClient
        authorizationCode = AuthorizationCodeGrant(
            store: store, issuer: issuer, idTokens: idTokens, settings: settings, entropy: entropy)
        refreshToken = RefreshTokenGrant(
            store: store, issuer: issuer, idTokens: idTokens, settings: settings, derivation: refreshTokens)
        clientCredentials = ClientCredentialsGrant(store: store, issuer: issuer)
    }

    package func respond(
        to form: FormParameters, authorization: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) -> TokenResponse {
        let credentials = try ClientCredentials.read(authorization: authorization, form: form)
        let authenticated = try await authenticator.authenticate(credentials, from: origin, at: now)
        let grant = try grant(for: form)
        try authenticated.mayUse(type(of: grant).type)
        let client = authenticated.client
        let charge = LimitCharge(.tokenPerClient, limit, subject: client.id.rawValue)
        return try await grant.issue(
            TokenRequest(
                form: form, client: client, origin: origin, now: now, charges: charge.map { [$0] } ?? []))
    }

    private func grant(for form: FormParameters) throws(OAuthError) -> any TokenGrant {
        let requested = try form.required("grant_type", "grant_type is missing")
        switch GrantType(rawValue: requested) {
        case .authorizationCode: return authorizationCode
        case .refreshToken: return refreshToken
        case .clientCredentials: return clientCredentials
        case nil: throw OAuthError(.unsupportedGrantType, "this grant_type is not supported")
        }
    }
}
