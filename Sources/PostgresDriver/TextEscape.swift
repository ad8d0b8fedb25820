/// PostgreSQL's text cannot hold U+0000, and people may send it. It is kept as the control character "data link
/// escape" and a zero, and that character as two of itself: equal texts stay equal, and others stay others.
enum TextEscape {
    private static let escape: UInt8 = 0x10
    private static let zero = UInt8(ascii: "0")

    static func append(_ text: String, to bytes: inout [UInt8]) {
        let utf8 = text.utf8
        guard utf8.contains(where: { $0 == 0 || $0 == escape }) else {
            bytes.append(contentsOf: utf8)
            return
        }
        for byte in utf8 {
            switch byte {
            case 0: bytes += [escape, zero]
            case escape: bytes += [escape, escape]
            default: bytes.append(byte)
            }
        }
    }

    static func text(of bytes: UnsafeRawBufferPointer) -> String {
        guard unsafe bytes.contains(escape) else { return unsafe String(decoding: bytes, as: UTF8.self) }
        var plain: [UInt8] = []
        var isEscaped = false
        for byte in unsafe [UInt8](bytes) {
            if isEscaped {
                plain.append(byte == zero ? 0 : byte)
                isEscaped = false
            } else if byte == escape {
                isEscaped = true
            } else {
                plain.append(byte)
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}
