package import Cryptography
import DeveloperLog
package import RateLimiting
import Time

/// What the token endpoint knows of a request, whatever its grant.
struct TokenRequest: Sendable {
    let form: FormParameters
    let client: Client
    /// The key that the client showed, to which its tokens are bound.
    let confirmation: KeyConfirmation?
    /// What the token is to be for (RFC 8707 §2.2).
    let resource: ResourceIdentifier?
    let origin: RequestOrigin
    let now: Timestamp
    /// What the request counts against, once its code or token proved genuine.
    let charges: [LimitCharge]
}

extension TokenRequest {
    /// RFC 9449 §5: the refresh token of a client without credentials is bound to its key, or whoever finds the token
    /// could use it.
    var refreshTokenBinding: KeyConfirmation? { client.isPublic ? confirmation : nil }
}

/// One grant: decides who gets what; what all grants share is `TokenEndpoint`'s.
protocol TokenGrant: Sendable {
    static var type: GrantType { get }
    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse
}

/// The token endpoint (RFC 6749 §3.2) without its HTTP.
package struct TokenEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let proofs: ProofOfPossession
    private let limit: Limit?
    private let authorizationCode: AuthorizationCodeGrant
    private let refreshToken: RefreshTokenGrant
    private let clientCredentials: ClientCredentialsGrant
    private let deviceCode: DeviceCodeGrant
    private let tokenExchange: TokenExchangeGrant

    package init(
        authenticator: ClientAuthenticator, proofs: ProofOfPossession, verifier: AccessTokenVerifier,
        store: any TokenStore, devices: any DeviceAuthorizationStore, issuer: AccessTokenIssuer,
        idTokens: IDTokenIssuer, settings: TokenSettings, refreshTokens: RefreshTokenDerivation, limitPerClient: Limit?,
        entropy: Entropy
    ) {
        self.authenticator = authenticator
        self.proofs = proofs
        self.limit = limitPerClient
        authorizationCode = AuthorizationCodeGrant(
            store: store, issuer: issuer, idTokens: idTokens, settings: settings, entropy: entropy)
        refreshToken = RefreshTokenGrant(
            store: store, issuer: issuer, idTokens: idTokens, settings: settings, derivation: refreshTokens)
        clientCredentials = ClientCredentialsGrant(store: store, issuer: issuer)
        deviceCode = DeviceCodeGrant(
            store: devices, issuer: issuer, idTokens: idTokens, settings: settings, entropy: entropy)
        tokenExchange = TokenExchangeGrant(
            store: store, issuer: issuer, verifier: verifier, registry: authenticator.registry)
    }

    package func respond(to request: ClientRequest) async throws(OAuthError) -> TokenResponse {
        let authenticated = try await authenticator.authenticate(request)
        let grant = try grant(for: request.form)
        try authenticated.mayUse(type(of: grant).type)
        let client = authenticated.client
        let resource = try Self.resource(
            request.form,
            among: grant is TokenExchangeGrant ? client.tokenExchange?.resources ?? .none : client.resources)
        let confirmation = try await proofs.confirmation(of: request, by: client)
        let charge = LimitCharge(.tokenPerClient, limit, subject: client.id.rawValue)
        return try await grant.issue(
            TokenRequest(
                form: request.form, client: client, confirmation: confirmation, resource: resource,
                origin: request.origin, now: request.now, charges: [charge].compactMap(\.self)))
    }

    private static func resource(
        _ form: FormParameters, among registered: Resources
    ) throws(OAuthError) -> ResourceIdentifier? {
        guard form.values("resource").count <= 1 else {
            throw OAuthError(.invalidTarget, "a token is for one resource")
        }
        return try Resources(form, among: registered).identifiers.first
    }

    /// What some clients send for `token-exchange`.
    private static let misspeltTokenExchange = "urn:ietf:params:oauth:grant-type:token_exchange"

    private func grant(for form: FormParameters) throws(OAuthError) -> any TokenGrant {
        let requested = try form.required("grant_type", "grant_type is missing")
        switch GrantType(rawValue: requested) {
        case .authorizationCode: return authorizationCode
        case .refreshToken: return refreshToken
        case .clientCredentials: return clientCredentials
        case .deviceCode: return deviceCode
        case .tokenExchange: return tokenExchange
        case nil where requested == Self.misspeltTokenExchange: return tokenExchange
        case nil:
            throw OAuthError(.unsupportedGrantType, "this grant_type is not supported")
        }
    }
}
