import RateLimiting

/// RFC 6749 §4.4: a confidential client in its own name. No refresh token (§4.4.3).
struct ClientCredentialsGrant: TokenGrant {
    static let type = GrantType.clientCredentials

    let store: any TokenStore
    let issuer: AccessTokenIssuer

    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse {
        guard !request.client.isPublic else {
            throw .unauthorizedClient("client_credentials needs a confidential client")
        }
        let scope = try scope(of: request)
        if !request.charges.isEmpty { try await charge(request) }
        let accessToken = try issuer.issue(
            scope: scope, resource: request.resource, confirmation: request.confirmation, to: request.client,
            at: request.now)
        return TokenResponse(accessToken, scope: scope)
    }

    private func scope(of request: TokenRequest) throws(OAuthError) -> Scope {
        guard let text = try request.form.value("scope") else { return request.client.scope ?? .empty }
        guard let scope = Scope(text) else { throw .invalidScope("scope is malformed") }
        guard request.client.scope.map(scope.isSubset) ?? true else {
            throw .invalidScope("scope exceeds what the client is registered for")
        }
        return scope
    }

    private func charge(_ request: TokenRequest) async throws(OAuthError) {
        let refusal: LimitRefusal?
        do {
            refusal = try await store.charge(
                request.charges, for: request.client.id, from: request.origin, at: request.now)
        } catch {
            throw .serverError(error)
        }
        if let refusal { throw .limited(refusal) }
    }
}
