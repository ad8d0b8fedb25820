import JOSE
import RateLimiting
import Time

/// RFC 8693: a service that was called with a user's token gets a narrower one for the next service.
///
/// What comes out is never more than what went in: no scope, no lifetime and no life of its own. It ends with the
/// user's grant, and who acts for the user stands in it.
struct TokenExchangeGrant: TokenGrant {
    static let type = GrantType.tokenExchange

    static let accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
    private static let tokenTypes: Set<String> = [accessTokenType, "urn:ietf:params:oauth:token-type:jwt"]
    /// Services that act for one another, in a row.
    private static let mostActors = 5

    let store: any TokenStore
    let issuer: AccessTokenIssuer
    let verifier: AccessTokenVerifier
    let registry: ClientRegistry

    func issue(_ request: TokenRequest) async throws(OAuthError) -> TokenResponse {
        guard !request.client.isPublic, let policy = request.client.tokenExchange else {
            throw .unauthorizedClient("the client may not exchange tokens")
        }
        if let wanted = try request.form.value("requested_token_type"), !Self.tokenTypes.contains(wanted) {
            throw .invalidRequest("requested_token_type is not supported")
        }
        let subject = try await subject(of: request)
        let audience = try audience(of: request, policy)
        let scope = try scope(of: request, subject)
        let actor = try await actor(of: request, for: subject, policy)
        try await charge(request)
        let issued = try issuer.exchange(
            subject, audience: audience, scope: scope, actor: actor, confirmation: request.confirmation,
            to: request.client, at: request.now)
        return TokenResponse(issued, issuedTokenType: Self.accessTokenType, scope: scope)
    }

    // MARK: - Whose token

    private func subject(of request: TokenRequest) async throws(OAuthError) -> AccessToken {
        guard let token = try await token("subject_token", of: request), token.grant != nil else {
            throw .invalidRequest("subject_token is missing, not active, or not a user's access token")
        }
        let isOwn = token.client == request.client.id
        guard isOwn || token.isMeant(for: request.client) else {
            throw .invalidRequest("subject_token is neither of this client nor meant for it")
        }
        // A client that sheds its own token's key would turn a bound token into one for bearers.
        guard !isOwn || token.confirmation == nil || token.confirmation == request.confirmation else {
            throw .invalidRequest("subject_token is bound to a key that was not shown")
        }
        return token
    }

    /// `nil` when the request brings none, or one that is not active.
    private func token(_ name: String, of request: TokenRequest) async throws(OAuthError) -> AccessToken? {
        guard let text = try request.form.value(name) else { return nil }
        guard let type = try request.form.value("\(name)_type"), Self.tokenTypes.contains(type) else {
            throw name == "subject_token"
                ? .invalidRequest("subject_token_type is missing or not supported")
                : .invalidRequest("actor_token_type is missing or not supported")
        }
        guard let token = try? verifier.verify(text, at: request.now),
            try await registry.recall(token.client, at: request.now) != nil
        else { return nil }
        do {
            return try await store.isActive(tokenID: token.id, grant: token.grant) ? token : nil
        } catch {
            throw .serverError(error)
        }
    }

    // MARK: - For whom

    private func audience(
        of request: TokenRequest, _ policy: TokenExchangePolicy
    ) throws(OAuthError) -> [String] {
        let named = request.form.values("audience")
        guard named.count + (request.resource == nil ? 0 : 1) <= 1 else {
            throw OAuthError(.invalidTarget, "a token is for one audience")
        }
        if let resource = request.resource { return [resource.uri] }
        guard let name = named.first else { return request.client.audience }
        guard policy.audiences.contains(where: { $0.utf8.elementsEqual(name.utf8) }) else {
            throw OAuthError(.invalidTarget, "the client may not get tokens for this audience")
        }
        return [name]
    }

    private func scope(of request: TokenRequest, _ subject: AccessToken) throws(OAuthError) -> Scope {
        guard let text = try request.form.value("scope") else {
            return request.client.scope.map { subject.scope.intersection($0) } ?? subject.scope
        }
        guard let scope = Scope(text) else { throw .invalidScope("scope is malformed") }
        guard scope.isSubset(of: subject.scope), request.client.scope.map(scope.isSubset) ?? true else {
            throw .invalidScope("scope exceeds that of subject_token, or what the client is registered for")
        }
        return scope
    }

    /// The `act` claim (§4.1): the one who acts now, and inside it those before.
    private func actor(
        of request: TokenRequest, for subject: AccessToken, _ policy: TokenExchangePolicy
    ) async throws(OAuthError) -> JSONValue? {
        let named = try request.form.value("actor_token") != nil
        if !named {
            guard try request.form.value("actor_token_type") == nil else {
                throw .invalidRequest("actor_token_type without actor_token")
            }
            guard policy.allowsImpersonation else { throw .invalidRequest("actor_token is missing") }
            return subject.actor
        }
        // A token of the service itself: a person's would put that person in its place.
        guard let token = try await token("actor_token", of: request), token.client == request.client.id,
            token.grant == nil, token.confirmation == nil || token.confirmation == request.confirmation
        else { throw .invalidRequest("actor_token is not an active token of this client itself, with its key") }
        guard Self.depth(subject.actor) < Self.mostActors else {
            throw .invalidRequest("too many services act for one another")
        }
        var actor: JSONObject = ["sub": .string(token.subject)]
        actor["act"] = subject.actor
        return .object(actor)
    }

    private static func depth(_ actor: JSONValue?) -> Int {
        guard let actor else { return 0 }
        return 1 + depth(actor["act"])
    }

    private func charge(_ request: TokenRequest) async throws(OAuthError) {
        guard !request.charges.isEmpty else { return }
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

extension AccessToken {
    /// Whether this client, or something it serves, is whom the token was issued for.
    func isMeant(for client: Client) -> Bool {
        audience.contains { audience in
            audience.utf8.elementsEqual(client.id.rawValue.utf8)
                || client.protectedResources.identifiers.contains { $0.uri.utf8.elementsEqual(audience.utf8) }
        }
    }
}
