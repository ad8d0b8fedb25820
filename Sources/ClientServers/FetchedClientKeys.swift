package import JOSE
package import OAuth
package import Time

/// The public keys of a client: those of its registration, or those at its `jwks_uri` (RFC 7591 §2).
///
/// Fetched keys are kept for five minutes. A signature that names a key which is not among them may be of a new one, so
/// they are fetched again, but every half a minute at most: who invents names must not make this server knock.
package final class FetchedClientKeys: ClientKeySource {
    private struct Kept: Sendable {
        var keys: [JSONWebKey] = []
        var fetchedAt: Timestamp?
        var triedAt: Timestamp

        /// What may be used still.
        func usable(at now: Timestamp) -> [JSONWebKey] {
            guard let fetchedAt, now < fetchedAt.adding(seconds: FetchedClientKeys.lifetimeSeconds) else { return [] }
            return keys
        }
    }

    private static let lifetimeSeconds = 300
    private static let pauseSeconds = 30
    /// RSA keys with their certificates take their room.
    private static let longestSet = 64 * 1024

    private let fetch: GuardedFetch
    /// For clients that described themselves: they must not take the places of the operator's.
    private let strangersFetch: GuardedFetch
    private let kept = FetchedOnce<String, Kept>()

    package init(fetch: GuardedFetch, strangersFetch: GuardedFetch) {
        self.fetch = fetch
        self.strangersFetch = strangersFetch
    }

    package func keys(of client: Client, kid: String?, at now: Timestamp) async -> [JSONWebKey] {
        switch client.keys {
        case nil: return []
        case .inline(let keys): return keys
        case .uri(let url):
            let way = client.isSelfDescribed ? strangersFetch : fetch
            let found = await kept.value(of: url) { kept in
                Self.suffices(kept, for: kid, at: now)
            } else: { earlier in
                await fetchedKeys(url, by: way, after: earlier, at: now)
            }
            return found?.usable(at: now) ?? []
        }
    }

    private static func suffices(_ kept: Kept, for kid: String?, at now: Timestamp) -> Bool {
        let keys = kept.usable(at: now)
        let isKnown = keys.contains { key in
            guard let kid else { return true }
            return key.kid?.utf8.elementsEqual(kid.utf8) ?? false
        }
        return isKnown || now < kept.triedAt.adding(seconds: pauseSeconds)
    }

    /// A failure leaves what there was: it is good for as long as it would have been.
    private func fetchedKeys(
        _ url: String, by way: GuardedFetch, after earlier: Kept?, at now: Timestamp
    ) async -> Kept? {
        do throws(ClientServerFailure) {
            let reply = try await way.json(url, atMost: Self.longestSet)
            guard let set = try? JWKSet(parsing: reply.body) else { throw .wrongContentType }
            return Kept(keys: set.keys, fetchedAt: now, triedAt: now)
        } catch {
            // That there was no place is no answer of theirs.
            if Task.isCancelled || error == .busy { return nil }
            return Kept(keys: earlier?.keys ?? [], fetchedAt: earlier?.fetchedAt, triedAt: now)
        }
    }
}
