import Cryptography
package import Time

/// Nonces that this server hands out for proofs (RFC 9449 §8): computed from the time and a key that all nodes
/// share, so that nothing is stored and each node knows the others'.
package struct DPoPNonces: Sendable {
    private static let windowSeconds: Int64 = 300

    private let key: [UInt8]

    package init(secret: [UInt8]) {
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa DPoP nonce", length: 32)
    }

    package func current(at now: Timestamp) -> String { nonce(ofWindow: now.seconds / Self.windowSeconds) }

    /// The one before counts too, or a nonce that was given out at a window's end would be worth nothing.
    func isFresh(_ nonce: String, at now: Timestamp) -> Bool {
        let window = now.seconds / Self.windowSeconds
        return [window, window - 1].contains {
            equalInConstantTime(Array(self.nonce(ofWindow: $0).utf8), Array(nonce.utf8))
        }
    }

    private func nonce(ofWindow window: Int64) -> String {
        Base64URL.encode(Array(HMAC.sha256(Array("\(window)".utf8), key: key).prefix(16)))
    }
}
