import Cryptography
import JOSE
import Synchronization
package import Time

/// Checks that a string is an access token of this server: signature, type, issuer, lifetime (RFC 9068 §4).
/// Whether its grant still lives is the store's to say, every time.
///
/// A signature holds for good, so tokens that passed are remembered by digest and only their lifetime is
/// checked again: a resource server asks about the same token many times, and a verification costs more than
/// all the rest of an introspection.
package final class AccessTokenVerifier: Sendable {
    package enum Failure: Error, Sendable, Equatable {
        /// Not a signed JWT at all.
        case malformed
        /// A JWT, but not one of ours, not an access token, or out of its lifetime.
        case invalid
    }

    private let issuer: Issuer
    private let keys: KeySet
    private let remembered: Mutex<Remembered>

    private struct Remembered {
        var generation = 0
        var recent: [SHA256Digest: AccessToken] = [:]
        var older: [SHA256Digest: AccessToken] = [:]

        mutating func insert(_ token: AccessToken, _ digest: SHA256Digest) {
            if recent.count >= halfCapacity {
                older = recent
                recent = [:]
            }
            recent[digest] = token
        }
    }

    /// Two halves of this size at most: bounded memory, and what is in use survives.
    private static let halfCapacity = 4096

    package init(issuer: Issuer, keys: KeySet) {
        self.issuer = issuer
        self.keys = keys
        remembered = Mutex(Remembered())
    }

    package func verify(_ token: String, at now: Timestamp) throws(Failure) -> AccessToken {
        let snapshot = keys.current
        let digest = SHA256Digest(of: token)
        if let known = recall(digest, generation: snapshot.generation) {
            guard now < known.expiresAt else { throw .invalid }
            return known
        }
        let claims: JWTClaims
        do {
            claims = try JWT.verify(
                token, type: AccessTokenIssuer.type, keys: { kid in kid.flatMap { snapshot.key(id: $0) } },
                expecting: JWTClaims.Expectation(issuer: issuer.url), at: now)
        } catch {
            throw error == .malformed || error == .oversized ? .malformed : .invalid
        }
        guard let accessToken = AccessToken(claims) else { throw .invalid }
        remember(accessToken, digest, generation: snapshot.generation)
        return accessToken
    }

    private func recall(_ digest: SHA256Digest, generation: Int) -> AccessToken? {
        remembered.withLock { state in
            guard state.generation == generation else { return nil }
            if let token = state.recent[digest] { return token }
            guard let token = state.older[digest] else { return nil }
            state.insert(token, digest)
            return token
        }
    }

    private func remember(_ token: AccessToken, _ digest: SHA256Digest, generation: Int) {
        remembered.withLock { state in
            if state.generation != generation {
                state = Remembered(generation: generation)
            }
            state.insert(token, digest)
        }
    }
}
