/// What the database keeps of a secret token: enough to recognise it, useless to a thief.
///
/// Tokens carry 256 random bits, so a plain hash cannot be reversed by guessing; no salt, no stretching.
package struct SHA256Digest: Hashable, Sendable {
    package static let size = 32

    package let bytes: [UInt8]

    package init(of message: [UInt8]) { bytes = Digest.sha256(message) }

    /// Hashes the UTF-8 form.
    package init(of text: String) { bytes = Digest.sha256(Array(text.utf8)) }

    /// Reads a stored digest back; nil unless it has 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    package var base64URL: String { Base64URL.encode(bytes) }

    package func isEqualInConstantTime(to other: SHA256Digest) -> Bool {
        equalInConstantTime(bytes, other.bytes)
    }
}
