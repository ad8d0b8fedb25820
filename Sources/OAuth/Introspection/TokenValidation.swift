package import Time

/// "Is this user token still good?" for clients without credentials: they hold the token itself.
package struct TokenValidation: Sendable {
    package enum Failure: Error, Sendable {
        case malformed
        case invalid
        case unavailable(any Error)
    }

    private let verifier: AccessTokenVerifier
    private let registry: ClientRegistry
    private let store: any TokenStore

    package init(verifier: AccessTokenVerifier, registry: ClientRegistry, store: any TokenStore) {
        self.verifier = verifier
        self.registry = registry
        self.store = store
    }

    package func validate(_ token: String, at now: Timestamp) async throws(Failure) -> AccessToken {
        let accessToken: AccessToken
        do {
            accessToken = try verifier.verify(token, at: now)
        } catch {
            throw error == .malformed ? .malformed : .invalid
        }
        // Whoever asks shows the token alone, which is not enough for one that is bound to a key.
        guard accessToken.grant != nil, accessToken.confirmation == nil else { throw .invalid }
        let isActive: Bool
        do {
            guard try await registry.recall(accessToken.client, at: now) != nil else { throw Failure.invalid }
            isActive = try await store.isActive(tokenID: accessToken.id, grant: accessToken.grant)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw .unavailable(error)
        }
        guard isActive else { throw .invalid }
        return accessToken
    }
}
