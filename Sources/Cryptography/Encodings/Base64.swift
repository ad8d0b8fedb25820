/// Base64 with padding (RFC 4648 §4), as `Authorization: Basic` carries it (RFC 7617 §2).
package enum Base64 {
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text = [UInt8]()
        Base64Alphabet.standard.encode(Array(bytes), appendingTo: &text)
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Strict: nil for missing or surplus padding, white space, or bits left over that are not zero.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var text = Array(text.utf8)
        guard text.count % 4 == 0 else { return nil }
        for _ in 0..<2 where text.last == UInt8(ascii: "=") { text.removeLast() }
        return Base64Alphabet.standard.decode(text)
    }
}
