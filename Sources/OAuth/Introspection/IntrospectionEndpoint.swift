import Cryptography
package import JOSE
package import Time

/// Token introspection (RFC 7662) without its HTTP.
package struct IntrospectionEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let verifier: AccessTokenVerifier
    private let registry: ClientRegistry
    private let store: any TokenStore
    private let issuer: Issuer
    private let subjects: SubjectIdentifiers
    private let signed: SignedIntrospection
    private let cacheSeconds: Int

    package init(
        authenticator: ClientAuthenticator, verifier: AccessTokenVerifier, registry: ClientRegistry,
        store: any TokenStore, issuer: Issuer, subjects: SubjectIdentifiers, signed: SignedIntrospection,
        cacheSeconds: Int
    ) {
        self.authenticator = authenticator
        self.verifier = verifier
        self.registry = registry
        self.store = store
        self.issuer = issuer
        self.subjects = subjects
        self.signed = signed
        self.cacheSeconds = cacheSeconds
    }

    package func respond(to request: ClientRequest) async throws(OAuthError) -> (IntrospectionResponse, Client) {
        let caller = try await authenticator.authenticate(request).client
        // RFC 7662 §2.1: the endpoint must not be open to token scanning, so a client that does not authenticate is nobody.
        guard !caller.isPublic else { throw .invalidClient }
        let token = try request.form.required("token", "token is missing")
        do {
            return (try await introspect(token, for: caller, at: request.now), caller)
        } catch {
            throw .serverError(error)
        }
    }

    /// The same answer as a JWT (RFC 9701).
    package func sign(
        _ response: JSONValue, for caller: Client, at now: Timestamp
    ) throws(OAuthError) -> String {
        try signed.sign(response, for: caller, at: now)
    }

    /// For how long a resource server may go on with an answer: what it is told of a token's end is that old at most.
    /// `nil`: it must ask every time.
    package func cacheSeconds(of response: IntrospectionResponse, at now: Timestamp) -> Int? {
        guard cacheSeconds > 0, let expiresAt = response.expiresAt, now < expiresAt else { return nil }
        return min(cacheSeconds, now.secondsRoundedUp(until: expiresAt))
    }

    private func introspect(
        _ token: String, for caller: Client, at now: Timestamp
    ) async throws -> IntrospectionResponse {
        if token.utf8.contains(UInt8(ascii: ".")) {
            guard let accessToken = try? verifier.verify(token, at: now), mayRead(accessToken, caller: caller),
                try await registry.recall(accessToken.client, at: now) != nil,
                try await store.isActive(tokenID: accessToken.id, grant: accessToken.grant)
            else { return .inactive }
            return .accessToken(accessToken, issuer: issuer)
        }
        guard let state = try await store.refreshToken(SHA256Digest(of: token), at: now),
            caller.mayIntrospect || state.grant.client == caller.id,
            let client = try await registry.recall(state.grant.client, at: now)
        else { return .inactive }
        return .refreshToken(
            state, subject: subjects.subject(of: state.grant.account, for: client), issuer: issuer)
    }

    private func mayRead(_ token: AccessToken, caller: Client) -> Bool {
        caller.mayIntrospect || token.isMeant(for: caller)
    }
}

/// RFC 7662 §2.2. A token that the caller may not read looks exactly like one that does not exist.
package enum IntrospectionResponse: Sendable {
    case inactive
    case accessToken(AccessToken, issuer: Issuer)
    case refreshToken(RefreshTokenState, subject: String, issuer: Issuer)

    var expiresAt: Timestamp? {
        switch self {
        case .inactive: nil
        case .accessToken(let token, _): token.expiresAt
        case .refreshToken(let state, _, _): state.expiresAt
        }
    }
}
