import Messaging
import Testing

@Suite struct MessageLengthTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let units: Int
        let segments: Int

        init(_ name: String, _ parts: [(String, Int)], units: Int, segments: Int) {
            testDescription = name
            text = parts.map { String(repeating: $0.0, count: $0.1) }.joined()
            (self.units, self.segments) = (units, segments)
        }
    }

    static let gsm7: [Row] = [
        Row("nothing", [], units: 0, segments: 1),
        Row("one segment", [("a", 160)], units: 160, segments: 1),
        Row("one more", [("a", 161)], units: 161, segments: 2),
        Row("two segments", [("a", 306)], units: 306, segments: 2),
        Row("one more than two", [("a", 307)], units: 307, segments: 3),
        Row("ten segments", [("a", 1530)], units: 1530, segments: 10),
        Row("extension characters", [("€", 80)], units: 160, segments: 1),
        Row("one more of them", [("€", 81)], units: 162, segments: 2),
        Row("one that just fits one segment", [("a", 158), ("€", 1)], units: 160, segments: 1),
        Row("one that does not", [("a", 159), ("€", 1)], units: 161, segments: 2),
        Row("one at the edge", [("a", 151), ("€", 1), ("a", 153)], units: 306, segments: 2),
        Row("one across the edge", [("a", 152), ("€", 1), ("a", 152)], units: 306, segments: 3),
        Row("one across the edge, and room behind it", [("a", 152), ("€", 1), ("a", 151)], units: 305, segments: 2),
        Row("one across every edge", [("€", 153)], units: 306, segments: 3),
        Row("lines", [("a", 80), ("\r\n", 40)], units: 160, segments: 1),
    ]

    @Test(arguments: gsm7)
    func `septets fill segments of 160, and of 153 when there are several`(_ row: Row) {
        let length = MessageLength(of: row.text)
        #expect(length.encoding == .gsm7)
        #expect(length.units == row.units)
        #expect(length.segments == row.segments)
    }

    static let ucs2: [Row] = [
        Row("one segment", [("電", 70)], units: 70, segments: 1),
        Row("one more", [("電", 71)], units: 71, segments: 2),
        Row("two segments", [("電", 134)], units: 134, segments: 2),
        Row("one more than two", [("電", 135)], units: 135, segments: 3),
        Row("one character decides for all", [("a", 69), ("電", 1)], units: 70, segments: 1),
        Row("the last one too", [("a", 160), ("電", 1)], units: 161, segments: 3),
        Row("extension characters are ordinary here", [("€", 69), ("電", 1)], units: 70, segments: 1),
        Row("pairs", [("😀", 35)], units: 70, segments: 1),
        Row("one more pair", [("😀", 36)], units: 72, segments: 2),
        Row("a pair at the edge", [("電", 65), ("😀", 1), ("電", 67)], units: 134, segments: 2),
        Row("a pair across the edge", [("電", 66), ("😀", 1), ("電", 66)], units: 134, segments: 3),
        Row("a pair across the edge, and room behind it", [("電", 66), ("😀", 1), ("電", 65)], units: 133, segments: 2),
        Row("pairs across every edge", [("😀", 67)], units: 134, segments: 3),
        Row("of several characters", [("👍🏽", 17)], units: 68, segments: 1),
        Row("with a mark apart", [("e\u{301}", 35)], units: 70, segments: 1),
    ]

    @Test(arguments: ucs2)
    func `UTF-16 fills segments of 70, and of 67 when there are several`(_ row: Row) {
        let length = MessageLength(of: row.text)
        #expect(length.encoding == .ucs2)
        #expect(length.units == row.units)
        #expect(length.segments == row.segments)
    }

    /// 3GPP TS 23.038 §6.2.1, without the escape.
    private static let alphabet =
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
        + "abcdefghijklmnopqrstuvwxyzäöñüà"

    @Test func `the default alphabet takes one septet each, its extension two`() {
        #expect(Self.alphabet.unicodeScalars.count == 127)
        for scalar in Self.alphabet.unicodeScalars {
            #expect(MessageLength(of: String(scalar)).units == 1)
            #expect(MessageLength(of: String(scalar)).encoding == .gsm7)
        }
        for scalar in "^{}\\[~]|€\u{0C}".unicodeScalars {
            #expect(MessageLength(of: String(scalar)).units == 2)
            #expect(MessageLength(of: String(scalar)).encoding == .gsm7)
        }
    }

    /// Accents that it lacks, letters of other alphabets, and the signs of the ohm and the ångström.
    @Test(
        arguments: [
            "ç", "á", "í", "ó", "ê", "ã", "ş", "ａ", "α", "`", "\t", "\u{0}", "\u{A0}", "’", "–", "\u{2126}",
            "\u{212B}",
        ])
    func `what looks like the default alphabet is not of it`(_ text: String) {
        #expect(MessageLength(of: text).encoding == .ucs2)
    }
}
