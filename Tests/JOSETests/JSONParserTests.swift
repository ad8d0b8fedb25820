import JOSE
import Testing

@Suite struct JSONParserTests {
    private func parse(_ text: String) throws(JSONError) -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    static let accepted: [(text: String, value: JSONValue)] = [
        ("null", .null), ("true", true), (" \t\r\n false \t\r\n ", false), ("[]", []), ("{}", [:]), ("[ ]", []),
        ("{ }", [:]), (#""""#, ""), ("0", 0), ("-0", 0), ("12", 12), ("-12", -12),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .numeral("9223372036854775808")), ("1.5", .number(1.5)), ("-0.0", .number(0)),
        ("1e3", .number(1000)), ("1E+3", .number(1000)), ("25e-1", .number(2.5)), ("0e0", .number(0)),
        ("1e-999", .numeral("1e-999")), ("0.10000000000000000001", .numeral("0.10000000000000000001")),
        ("0.1000", .number(0.1)), ("1.0", .number(1)),
        ("[1,2 , 3]", [1, 2, 3]), (#"{"a" : {"b":[null]}}"#, ["a": ["b": [.null]]]), (#"{"":1}"#, ["": 1]),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")), (#""\u0041\u00e9\u96FB""#, "Aé電"),
        (#""\ud83d\uDE00""#, "😀"), (#""\u0000""#, "\u{0}"), (#""電話😀""#, "電話😀"), ("\"\u{7F}\"", "\u{7F}"),
        // Written out and escaped are one; composed and decomposed are two.
        (#"{"e\u0301":1}"#, ["e\u{301}": 1]),
    ]

    @Test(arguments: accepted)
    func `JSON is read as RFC 8259 writes it`(_ text: String, _ value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    static let refused: [(text: String, reason: JSONError.Reason)] = [
        ("", .unexpectedEnd), (" ", .unexpectedEnd), ("[", .unexpectedEnd), ("[1", .unexpectedEnd),
        ("[1,", .unexpectedEnd), ("{", .unexpectedEnd), (#"{"a""#, .unexpectedEnd), (#"{"a":"#, .unexpectedEnd),
        (#"{"a":1"#, .unexpectedEnd), (#"{"a":1,"#, .unexpectedEnd), (#"""#, .unexpectedEnd),
        (#""\"#, .unexpectedEnd), (#""\u00"#, .unexpectedEnd), ("tru", .unexpectedEnd), ("-", .unexpectedEnd),
        ("1.", .unexpectedEnd), ("1e", .unexpectedEnd), ("1e+", .unexpectedEnd),
        ("nul1", .unexpectedByte), ("True", .unexpectedByte), ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte),
        (#"{"a":1,}"#, .unexpectedByte), ("{1:1}", .unexpectedByte), ("{a:1}", .unexpectedByte),
        (#"{"a" 1}"#, .unexpectedByte), (#"{"a":}"#, .unexpectedByte), ("[1 2]", .unexpectedByte),
        ("]", .unexpectedByte),
        ("[1}", .unexpectedByte), ("'a'", .unexpectedByte), ("+1", .unexpectedByte), (".5", .unexpectedByte),
        ("-a", .unexpectedByte), ("1.e3", .unexpectedByte), ("1.a", .unexpectedByte), ("1ea", .unexpectedByte),
        ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte), ("-Infinity", .unexpectedByte),
        ("/**/1", .unexpectedByte), ("\"\n\"", .unexpectedByte), ("\"\u{0}\"", .unexpectedByte),
        ("\"\\n\u{1F}\"", .unexpectedByte), (#""\x41""#, .unexpectedByte), (#""\u00g0""#, .unexpectedByte),
        (#""\u+041""#, .unexpectedByte), ("\u{FEFF}1", .unexpectedByte), ("\u{A0}1", .unexpectedByte),
        ("\u{C}1", .unexpectedByte),
        ("01", .trailingBytes), ("-01", .trailingBytes), ("0x10", .trailingBytes), ("1 1", .trailingBytes),
        ("{}{}", .trailingBytes), ("[],", .trailingBytes), ("null\u{0}", .trailingBytes), ("true//", .trailingBytes),
        ("1e999", .numberOutOfRange), ("-1e999", .numberOutOfRange),
        (#""\ud83d""#, .loneSurrogate), (#""\ude00""#, .loneSurrogate), (#""\ud83d\ud83d""#, .loneSurrogate),
        (#""\ud83dx""#, .loneSurrogate), (#""\ud83d\n""#, .loneSurrogate), (#""\ude00\ud83d""#, .loneSurrogate),
        (#"{"a":1,"a":1}"#, .duplicateName), (#"{"a":1,"b":2,"a":3}"#, .duplicateName),
        (#"{"a":1,"\u0061":2}"#, .duplicateName), (#"[{"x":{"":1,"":2}}]"#, .duplicateName),
    ]

    @Test(arguments: refused)
    func `anything else is refused`(_ text: String, _ reason: JSONError.Reason) {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.reason == reason)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xE9], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF0, 0x80, 0x80, 0x80],
            [0xFF, 0xFE], [0xE2, 0x82],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are refused`(_ bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        for text in [[quote] + bytes + [quote], [quote, UInt8(ascii: "\\"), UInt8(ascii: "n")] + bytes + [quote]] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
            #expect(error?.reason == .invalidUTF8)
        }
    }

    @Test func `nesting is bounded`() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        }
        for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
            _ = try parse(nested(JSONValue.depthLimit, open, close))
            let error = #expect(throws: JSONError.self) { try parse(nested(JSONValue.depthLimit + 1, open, close)) }
            #expect(error?.reason == .tooDeep)
        }
        // Side by side is not deep.
        _ = try parse("[" + [String](repeating: "[[]]", count: 1000).joined(separator: ",") + "]")
        let bomb = #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
        #expect(bomb?.reason == .tooDeep)
    }

    /// Only the hashed set finds a duplicate this late, and the time limit fails if names are compared in pairs.
    @Test(.timeLimit(.minutes(1)))
    func `a duplicate is found among very many names`() throws {
        var members = (0..<100_000).map { #""\#($0)":0"# }
        #expect(try parse("{\(members.joined(separator: ","))}").object?.count == 100_000)
        members.append(#""5":0"#)
        let error = #expect(throws: JSONError.self) { try parse("{\(members.joined(separator: ","))}") }
        #expect(error?.reason == .duplicateName)
    }

    @Test(arguments: [1, 15, 16, 17, 40])
    func `a duplicate is found in objects of every size`(_ count: Int) {
        let members = (0..<count).map { #""n\#($0)":0"# }
        for duplicate in [0, count / 2, count - 1] {
            let text = "{\((members + [members[duplicate]]).joined(separator: ","))}"
            #expect(throws: JSONError.self) { try parse(text) }
        }
    }

    /// Swift's `==` takes these pairs for equal; RFC 8259 §8.3 does not.
    @Test(arguments: [("K", "\u{212A}"), ("\u{E9}", "e\u{301}"), (";", "\u{37E}")])
    func `names are told apart by their bytes`(_ one: String, _ other: String) throws {
        let value = try parse(#"{"\#(one)":1,"\#(other)":2}"#)
        #expect(value[one] == 1)
        #expect(value[other] == 2)
        #expect(try parse(#"{"\#(one)":1}"#)[other] == nil)
    }

    @Test func `an error tells where`() {
        #expect(throws: JSONError(reason: .unexpectedByte, offset: 7)) { try parse(#"{"a":1 x"#) }
        #expect(throws: JSONError(reason: .duplicateName, offset: 7)) { try parse(#"{"a":1,"a":2}"#) }
    }
}
