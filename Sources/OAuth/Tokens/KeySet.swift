package import Cryptography
package import JOSE
import Synchronization

/// The signing keys: one active key an algorithm signs, every key verifies.
///
/// Replaced as a whole on reload. Retired keys stay until their tokens are gone, or a rotation would sign
/// everybody out.
package final class KeySet: Sendable {
    package struct Snapshot: Sendable {
        fileprivate let byID: [String: JWSKey]
        package let active: [SignatureAlgorithm: JWSKey]
        /// What `/.well-known/jwks.json` publishes: no symmetric key, whatever its status.
        package let published: JWKSet
        /// Changes with every reload, so that whoever remembers verified tokens knows to forget them.
        package let generation: Int

        package func key(id: String) -> JWSKey? { byID[id] }
        package func activeKey(for algorithm: SignatureAlgorithm) -> JWSKey? { active[algorithm] }
    }

    private let state: Mutex<Snapshot>

    package init(keys: [JWSKey], active: [SignatureAlgorithm: JWSKey]) {
        state = Mutex(Self.snapshot(keys, active, generation: 0))
    }

    package var current: Snapshot { state.withLock { $0 } }

    package func replace(keys: [JWSKey], active: [SignatureAlgorithm: JWSKey]) {
        state.withLock { $0 = Self.snapshot(keys, active, generation: $0.generation + 1) }
    }

    private static func snapshot(
        _ keys: [JWSKey], _ active: [SignatureAlgorithm: JWSKey], generation: Int
    ) -> Snapshot {
        Snapshot(
            byID: Dictionary(keys.map { ($0.kid, $0) }) { first, _ in first },
            active: active,
            published: JWKSet(publishing: keys),
            generation: generation)
    }
}
