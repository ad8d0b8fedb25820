import JOSE
import Testing

@Suite struct JSONSerializerTests {
    static let written: [(value: JSONValue, text: String)] = [
        (.null, "null"), (true, "true"), (false, "false"), (0, "0"), (7, "7"), (10, "10"), (-1, "-1"),
        (.integer(.max), "9223372036854775807"), (.integer(.min), "-9223372036854775808"),
        (.number(1.5), "1.5"), (.number(2), "2.0"), (.number(1e300), "1e+300"), (.number(.nan), "null"),
        (.number(.infinity), "null"), ("", #""""#), ([], "[]"), ([:], "{}"), ([1, "a", [.null]], #"[1,"a",[null]]"#),
        (["b": 1, "a": ["c": true]], #"{"b":1,"a":{"c":true}}"#),
        (.string("a\"b\\c/d"), #""a\"b\\c/d""#), (.string("\n\r\t\u{0}\u{1F}\u{8}"), #""\n\r\t\u0000\u001f\u0008""#),
        (.string("\"\""), #""\"\"""#), ("電話 é 😀 \u{7F} \u{2028}", "\"電話 é 😀 \u{7F} \u{2028}\""),
        (["a\"": 1], #"{"a\"":1}"#),
    ]

    @Test(arguments: written)
    func `a value is written in the least bytes`(_ value: JSONValue, _ text: String) {
        #expect(value.serializedText == text)
        #expect(value.serialized() == Array(text.utf8))
    }

    @Test func `every scalar below U+3000 survives a round trip`() throws {
        for code in UInt32(0)..<0x3000 {
            let scalar = try #require(Unicode.Scalar(code))
            let value = JSONValue.string("a\(Character(scalar))b")
            #expect(try JSONValue(parsing: value.serialized()) == value)
        }
    }

    /// Combining marks join the quote into one Swift `Character`; the escape must not care.
    @Test func `a quote before a combining mark is escaped`() {
        #expect(JSONValue.string("\"\u{301}").serializedText == "\"\\\"\u{301}\"")
        #expect(JSONValue.string("\r\n").serializedText == #""\r\n""#)
    }

    @Test func `members keep their order and are replaced in place`() {
        var object: JSONObject = ["z": 1, "a": 2, "m": 3]
        object["a"] = "new"
        object["y"] = 4
        object["m"] = nil
        object["none"] = nil
        #expect(JSONValue.object(object).serializedText == #"{"z":1,"a":"new","y":4}"#)
        #expect(object.serialized() == JSONValue.object(object).serialized())
        #expect(object.count == 3)
        #expect(object["none"] == nil)
    }

    @Test func `a literal with a name twice keeps the last`() {
        let object: JSONObject = ["a": 1, "b": 2, "a": 3]
        #expect(object == ["b": 2, "a": 3])
    }

    @Test func `order does not matter for equality, everything else does`() {
        let object: JSONObject = ["a": 1, "b": 2]
        #expect(object == ["b": 2, "a": 1])
        #expect(object != ["a": 1])
        #expect(object != ["a": 1, "b": 3])
        #expect(object != ["a": 1, "c": 2])
    }

    @Test func `an accessor answers for its own kind only`() {
        let values: [JSONValue] = [.null, true, 1, .number(1.5), "s", [1], ["a": 1]]
        #expect(values.map(\.isNull) == [true, false, false, false, false, false, false])
        #expect(values.map(\.bool) == [nil, true, nil, nil, nil, nil, nil])
        #expect(values.map(\.integer) == [nil, nil, 1, nil, nil, nil, nil])
        #expect(values.map(\.number) == [nil, nil, 1, 1.5, nil, nil, nil])
        #expect(values.map(\.string) == [nil, nil, nil, nil, "s", nil, nil])
        #expect(values.map(\.array) == [nil, nil, nil, nil, nil, [1], nil])
        #expect(values.map(\.object) == [nil, nil, nil, nil, nil, nil, ["a": 1]])
        #expect(values.map { $0["a"] } == [nil, nil, nil, nil, nil, nil, 1])
    }
}
