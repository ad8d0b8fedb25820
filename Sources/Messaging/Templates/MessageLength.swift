/// How much of a text message a text takes (3GPP TS 23.038): providers charge by the segment.
package struct MessageLength: Sendable, Equatable {
    package enum Encoding: String, Sendable {
        case gsm7 = "GSM-7"
        /// A single character outside GSM-7 makes the whole text UTF-16.
        case ucs2 = "UCS-2"
    }

    package let encoding: Encoding
    /// Septets, or UTF-16 units.
    package let units: Int
    package let segments: Int

    package init(of text: String) {
        var septets = 0
        for scalar in text.unicodeScalars {
            if Self.basic.contains(scalar) {
                septets += 1
            } else if Self.extended.contains(scalar) {
                septets += 2
            } else {
                encoding = .ucs2
                units = text.utf16.count
                // What a header of joined parts leaves of 140 octets: 67 units.
                segments = units <= 70 ? 1 : Self.ucs2Segments(of: text)
                return
            }
        }
        encoding = .gsm7
        units = septets
        segments = septets <= 160 ? 1 : Self.gsm7Segments(of: text)
    }

    /// An escape and the character it belongs to stay together, so a segment can end one septet early.
    private static func gsm7Segments(of text: String) -> Int {
        fill(text.unicodeScalars.lazy.map { extended.contains($0) ? 2 : 1 }, room: 153)
    }

    /// The same of surrogate pairs.
    private static func ucs2Segments(of text: String) -> Int {
        fill(text.unicodeScalars.lazy.map { $0.value > 0xFFFF ? 2 : 1 }, room: 67)
    }

    private static func fill(_ sizes: some Sequence<Int>, room: Int) -> Int {
        var segments = 1
        var used = 0
        for size in sizes {
            if used + size > room {
                segments += 1
                used = 0
            }
            used += size
        }
        return segments
    }

    private static let basic = Set(
        """
        @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
        abcdefghijklmnopqrstuvwxyzäöñüà
        """.unicodeScalars
    ).union(["\n", "\r"])

    private static let extended = Set("^{}\\[~]|€\u{0C}".unicodeScalars)
}
