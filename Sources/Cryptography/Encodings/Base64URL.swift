/// Base64url without padding (RFC 4648 §5, RFC 7515 §2).
package enum Base64URL {
    package static func encode(_ bytes: [UInt8]) -> String {
        var text = [UInt8]()
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    package static func encode(_ bytes: some Collection<UInt8>) -> String { encode(Array(bytes)) }

    /// Appends the encoded form to text under construction, as a compact JWS is.
    package static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        Base64Alphabet.urlSafe.encode(bytes, appendingTo: &text)
    }

    /// Strict: nil for padding, white space, the other alphabet, or bits left over that are not zero.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        Base64Alphabet.urlSafe.decode(Array(text.utf8))
    }

    /// Strict, over UTF-8 bytes.
    package static func decode(utf8 text: some Collection<UInt8>) -> [UInt8]? {
        Base64Alphabet.urlSafe.decode(Array(text))
    }
}
