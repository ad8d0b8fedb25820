import Cryptography
import Time

/// Every refresh token but a family's first is computed from the one before it.
///
/// So the same old token always has the same successor (two tabs, a lost reply), and the database, which holds
/// digests only, never needs the token itself: whoever steals it can compute nothing without this key.
package struct RefreshTokenDerivation: Sendable {
    private let key: [UInt8]

    package init(secret: [UInt8]) {
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa refresh token successor", length: 32)
    }

    package func successor(of token: String) -> String {
        Base64URL.encode(HMAC.sha256(Array(token.utf8), key: key))
    }
}

/// RFC 6749 §6 with rotation (RFC 9700 §4.14.2).
struct RefreshTokenGrant: TokenGrant {
    static let type = GrantType.refreshToken

    let store: any TokenStore
    let issuer: AccessTokenIssuer
    let idTokens: IDTokenIssuer
    let settings: TokenSettings
    let derivation: RefreshTokenDerivation

    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse {
        let token = try request.form.required("refresh_token", "refresh_token is missing")
        let requestedScope = try scope(of: request)
        let successor = derivation.successor(of: token)
        let presentation = RefreshPresentation(
            digest: SHA256Digest(of: token), client: request.client.id,
            successor: NewRefreshToken(
                digest: SHA256Digest(of: successor),
                expiresAt: request.now.adding(seconds: settings.refreshLifetimeSeconds)),
            graceSeconds: settings.refreshGraceSeconds,
            accessTokenExpiresAt: issuer.expiry(for: request.client, at: request.now),
            objection: { Self.objection(to: request, scope: requestedScope, grant: $0, bound: $1) })

        let grant = try await rotate(presentation, for: request)
        let granted = requestedScope ?? grant.scope
        let accessToken = try await issuer.issue(
            for: grant, scope: granted, resource: try grant.resources.target(request.resource, for: request.client),
            confirmation: request.confirmation, to: request.client, at: request.now)
        // OpenID Connect Core §12.2: the same person and sign-in as in the first one, and no nonce.
        let idToken =
            granted.isOpenID
            ? try idTokens.issue(
                for: grant, nonce: nil, accessToken: accessToken.token, to: request.client, at: request.now) : nil
        return TokenResponse(accessToken, refreshToken: successor, idToken: idToken, scope: granted)
    }

    /// Nothing widens on refresh: no scope, no audience, and no other key than the token's own.
    private static func objection(
        to request: TokenRequest, scope: Scope?, grant: Grant, bound: KeyConfirmation?
    ) -> OAuthError? {
        if let scope, !scope.isSubset(of: grant.scope) { return .invalidScope("scope exceeds what was granted") }
        if let bound, bound != request.confirmation {
            return request.confirmation == nil && bound.isProvenByDPoP
                ? OAuthError(.invalidDPoPProof, "the refresh token is bound to a key: a DPoP proof is missing")
                : .invalidGrant("the refresh token is bound to another key")
        }
        if let age = request.client.defaultMaxAgeSeconds,
            request.now >= grant.authenticatedAt.adding(seconds: age)
        {
            // First-party apps can ask for another code at once (OAuth 2.0 for First-Party Applications §6).
            return request.client.isFirstParty
                ? OAuthError(.insufficientAuthorization, "the sign-in is too old: sign in again")
                : .invalidGrant("the sign-in is too old")
        }
        do throws(OAuthError) { _ = try grant.resources.target(request.resource, for: request.client) } catch {
            return error
        }
        return nil
    }

    private func scope(of request: TokenRequest) throws(OAuthError) -> Scope? {
        guard let text = try request.form.value("scope") else { return nil }
        guard let scope = Scope(text) else { throw .invalidScope("scope is malformed") }
        return scope
    }

    private func rotate(
        _ presentation: RefreshPresentation, for request: TokenRequest
    ) async throws(OAuthError) -> Grant {
        let rotation: RefreshRotation
        do {
            rotation = try await store.rotate(
                presentation, charging: request.charges, from: request.origin, at: request.now)
        } catch {
            throw .serverError(error)
        }
        switch rotation {
        case .rotated(let grant): return grant
        case .limited(let refusal): throw .limited(refusal)
        case .refused(let error): throw error
        case .unknown, .reused: throw .invalidGrant("the refresh token is unknown, expired or revoked")
        }
    }
}
