import Cryptography

/// A colour of sRGB, written `#rrggbb`.
package struct BrandColor: Hashable, Sendable {
    package let red: UInt8
    package let green: UInt8
    package let blue: UInt8

    package init?(_ text: String) {
        guard text.utf8.count == 7, text.hasPrefix("#"), let bytes = Hex.decode(String(text.dropFirst())),
            bytes.count == 3
        else { return nil }
        (red, green, blue) = (bytes[0], bytes[1], bytes[2])
    }

    package init(red: UInt8, green: UInt8, blue: UInt8) {
        (self.red, self.green, self.blue) = (red, green, blue)
    }

    package var hexadecimal: String { Hex.encode([red, green, blue]) }
}

/// A picture of a client, or of this server. It is served from here: a picture fetched elsewhere would tell
/// that place who signs in, and when.
package struct Logo: Hashable, Sendable {
    package let bytes: [UInt8]
    package let mediaType: String
    /// Names the picture in its address: another picture is another address, so it may be cached for ever.
    package let name: String

    package static let largestSize = 65_536

    /// `nil` unless the bytes are a PNG, JPEG, WebP, GIF or SVG of at most 64 KiB.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.largestSize, let (mediaType, ending) = Self.kind(of: bytes) else { return nil }
        self.bytes = bytes
        self.mediaType = mediaType
        name = "\(Hex.encode(Array(SHA256Digest(of: bytes).bytes.prefix(8)))).\(ending)"
    }

    private static func kind(of bytes: [UInt8]) -> (mediaType: String, ending: String)? {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return ("image/png", "png") }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return ("image/jpeg", "jpg") }
        if bytes.starts(with: "GIF8".utf8) { return ("image/gif", "gif") }
        if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
            return ("image/webp", "webp")
        }
        let text = String(decoding: bytes.prefix(1024), as: UTF8.self)
        if text.contains("<svg") { return ("image/svg+xml", "svg") }
        return nil
    }
}
