import Cryptography
import Time

/// RFC 6749 §4.1.3 with RFC 7636 §4.5.
struct AuthorizationCodeGrant: TokenGrant {
    static let type = GrantType.authorizationCode

    let store: any TokenStore
    let issuer: AccessTokenIssuer
    let idTokens: IDTokenIssuer
    let settings: TokenSettings
    let entropy: Entropy

    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse {
        let code = try request.form.required("code", "code is missing")
        let verifier = try request.form.value("code_verifier")
        let answered = verifier.flatMap(CodeChallenge.init(answeredBy:))
        if verifier != nil, answered == nil {
            throw .invalidRequest("code_verifier is not 43 to 128 unreserved characters")
        }
        // Made before the store is asked, so that redeeming and storing it are one act.
        let refreshToken = request.client.grantTypes.contains(.refreshToken) ? entropy.token() : nil
        let presentation = CodePresentation(
            digest: SHA256Digest(of: code), client: request.client.id,
            redirectURI: try request.form.value("redirect_uri"), answeredChallenge: answered,
            confirmation: request.confirmation,
            refreshToken: refreshToken.map {
                NewRefreshToken(
                    digest: SHA256Digest(of: $0),
                    expiresAt: request.now.adding(seconds: settings.refreshLifetimeSeconds),
                    confirmation: request.refreshTokenBinding)
            },
            accessTokenExpiresAt: issuer.expiry(for: request.client, at: request.now))

        let (grant, nonce) = try await redeem(presentation, for: request)
        let accessToken = try await issuer.issue(
            for: grant, scope: grant.scope, resource: try grant.resources.target(request.resource, for: request.client),
            confirmation: request.confirmation, to: request.client, at: request.now)
        return TokenResponse(
            accessToken, refreshToken: grant.scope.asksForRefreshToken ? refreshToken : nil,
            idToken: try idToken(for: grant, nonce: nonce, accessToken: accessToken.token, request: request),
            scope: grant.scope)
    }

    private func redeem(
        _ presentation: CodePresentation, for request: TokenRequest
    ) async throws(OAuthError) -> (Grant, nonce: String?) {
        let redemption: CodeRedemption
        do {
            redemption = try await store.redeem(
                presentation, charging: request.charges, from: request.origin, at: request.now)
        } catch {
            throw .serverError(error)
        }
        switch redemption {
        case .redeemed(let grant, let nonce): return (grant, nonce)
        case .limited(let refusal): throw .limited(refusal)
        case .unknown, .replayed:
            throw .invalidGrant("the authorization code is unknown, expired or already used")
        case .mismatched(.redirectURI):
            throw .invalidGrant("redirect_uri differs from the authorization request")
        case .mismatched(.codeVerifier): throw .invalidGrant("code_verifier does not match code_challenge")
        case .mismatched(.verifierMissing): throw .invalidGrant("code_verifier is missing")
        case .mismatched(.key): throw .invalidGrant("the code is bound to another key")
        case .mismatched(.verifierWithoutChallenge):
            throw .invalidGrant("code_verifier was sent, but the request had no code_challenge")
        }
    }

    private func idToken(
        for grant: Grant, nonce: String?, accessToken: String, request: TokenRequest
    ) throws(OAuthError) -> String? {
        guard grant.scope.isOpenID else { return nil }
        return try idTokens.issue(
            for: grant, nonce: nonce, accessToken: accessToken, to: request.client, at: request.now)
    }
}
