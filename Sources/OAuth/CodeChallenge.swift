import Cryptography

/// A proof key's challenge (RFC 7636 §4.2), S256 only: `plain` would hand the verifier to whoever reads the request.
package struct CodeChallenge: Hashable, Sendable {
    /// Base64url of a SHA-256: 43 characters.
    package let rawValue: String

    package init?(_ text: String) {
        guard text.utf8.count == 43, Base64URL.decode(text)?.count == 32 else { return nil }
        rawValue = text
    }

    /// The challenge that a presented verifier answers; `nil` when it is not a code-verifier (RFC 7636 §4.1).
    package init?(answeredBy verifier: String) {
        let bytes = verifier.utf8
        guard (43...128).contains(bytes.count), bytes.allSatisfy(Self.isUnreserved) else { return nil }
        rawValue = SHA256Digest(of: verifier).base64URL
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
