import COpenSSL

/// Seals what the database must hold but must not show: AES-256-GCM (NIST SP 800-38D).
///
/// A box is nonce ‖ ciphertext ‖ tag. It opens only with the same secret, purpose and binding, so a box cannot
/// be moved to another row. Nonces are random: with 96 bits one key stays safe for 2^32 boxes (SP 800-38D §8.3),
/// and each purpose has a key of its own.
package struct SealingKey: Sendable {
    package static let secretLength = 32
    private static let nonceLength = 12
    private static let tagLength = 16

    private let key: [UInt8]

    /// `secret` must have 32 bytes; it is the caller's configuration check that says so kindly.
    package init(secret: [UInt8], purpose: StaticString) {
        precondition(secret.count == Self.secretLength, "a sealing secret has 32 bytes")
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa seal \(purpose)", length: 32)
    }

    package func seal(
        _ plaintext: [UInt8], bindingTo associated: [UInt8], entropy: Entropy
    ) -> [UInt8] {
        let nonce = entropy.bytes(Self.nonceLength)
        precondition(nonce.count == Self.nonceLength, "the entropy source fell short")
        let cipher = GCMCipher(.encrypt, key: key, nonce: nonce, associated: associated)
        return nonce + cipher.update(plaintext) + cipher.finishEncrypting(tagLength: Self.tagLength)
    }

    /// Throws `notAuthentic` for every box that is not exactly what `seal` made; which part is wrong stays
    /// untold.
    package func open(
        _ sealed: [UInt8], bindingTo associated: [UInt8]
    ) throws(CryptographyError) -> [UInt8] {
        guard sealed.count >= Self.nonceLength + Self.tagLength else { throw .notAuthentic }
        let nonce = Array(sealed.prefix(Self.nonceLength))
        let tag = Array(sealed.suffix(Self.tagLength))
        let ciphertext = Array(sealed.dropFirst(Self.nonceLength).dropLast(Self.tagLength))
        let cipher = GCMCipher(.decrypt, key: key, nonce: nonce, associated: associated)
        let plaintext = cipher.update(ciphertext)
        guard cipher.finishDecrypting(tag: tag) else { throw .notAuthentic }
        return plaintext
    }
}

extension SealingKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "SealingKey" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
