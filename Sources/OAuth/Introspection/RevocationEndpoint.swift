import Cryptography

/// Token revocation (RFC 7009) without its HTTP.
///
/// A refresh token takes its whole grant along; an access token ends alone, as an app that hands one to
/// somebody and takes it back expects. `token_type_hint` is not needed: a JWT cannot be mistaken for an opaque
/// token.
package struct RevocationEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let verifier: AccessTokenVerifier
    private let store: any TokenStore

    package init(authenticator: ClientAuthenticator, verifier: AccessTokenVerifier, store: any TokenStore) {
        self.authenticator = authenticator
        self.verifier = verifier
        self.store = store
    }

    /// Returns in every case but a failed authentication: an unknown or foreign token is nothing to do (§2.2).
    package func respond(to request: ClientRequest) async throws(OAuthError) {
        let client = try await authenticator.authenticate(request).client
        let (origin, now) = (request.origin, request.now)
        let token = try request.form.required("token", "token is missing")
        do {
            if token.utf8.contains(UInt8(ascii: ".")) {
                guard let accessToken = try? verifier.verify(token, at: now), accessToken.client == client.id else {
                    return
                }
                try await store.revokeAccessToken(
                    id: accessToken.id, expiresAt: accessToken.expiresAt, of: client.id, from: origin, at: now)
            } else {
                try await store.revokeRefreshToken(SHA256Digest(of: token), of: client.id, from: origin, at: now)
            }
        } catch {
            throw .serverError(error)
        }
    }
}
