import Cryptography
import Time

/// RFC 8628 §3.4: a device asks whether somebody let it in.
struct DeviceCodeGrant: TokenGrant {
    static let type = GrantType.deviceCode

    let store: any DeviceAuthorizationStore
    let issuer: AccessTokenIssuer
    let idTokens: IDTokenIssuer
    let settings: TokenSettings
    let entropy: Entropy

    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse {
        let code = try request.form.required("device_code", "device_code is missing")
        // Made before the store is asked, so that redeeming and storing it are one act.
        let refreshToken = request.client.grantTypes.contains(.refreshToken) ? entropy.token() : nil
        let grant = try await redeem(
            DevicePoll(
                deviceCode: SHA256Digest(of: code), client: request.client.id,
                confirmation: request.confirmation,
                refreshToken: refreshToken.map {
                    NewRefreshToken(
                        digest: SHA256Digest(of: $0),
                        expiresAt: request.now.adding(seconds: settings.refreshLifetimeSeconds),
                        confirmation: request.refreshTokenBinding)
                },
                accessTokenExpiresAt: issuer.expiry(for: request.client, at: request.now)), for: request)
        let accessToken = try await issuer.issue(
            for: grant, scope: grant.scope, resource: try grant.resources.target(request.resource, for: request.client),
            confirmation: request.confirmation, to: request.client, at: request.now)
        // No browser took part that could have sent a nonce.
        let idToken =
            grant.scope.isOpenID
            ? try idTokens.issue(
                for: grant, nonce: nil, accessToken: accessToken.token, to: request.client, at: request.now) : nil
        return TokenResponse(
            accessToken, refreshToken: grant.scope.asksForRefreshToken ? refreshToken : nil, idToken: idToken,
            scope: grant.scope)
    }

    private func redeem(_ poll: DevicePoll, for request: TokenRequest) async throws(OAuthError) -> Grant {
        let outcome: DevicePollOutcome
        do {
            outcome = try await store.poll(
                poll, charging: request.charges, from: request.origin, at: request.now)
        } catch {
            throw .serverError(error)
        }
        switch outcome {
        case .redeemed(let grant): return grant
        case .pending: throw OAuthError(.authorizationPending, "nobody has answered yet")
        case .tooEarly: throw OAuthError(.slowDown, "wait five seconds longer between two requests")
        case .denied: throw OAuthError(.accessDenied, "the person did not agree")
        case .expired: throw OAuthError(.expiredToken, "the device code has expired")
        case .unknown: throw .invalidGrant("the device code is unknown, already used or bound to another key")
        case .limited(let refusal): throw .limited(refusal)
        }
    }
}
