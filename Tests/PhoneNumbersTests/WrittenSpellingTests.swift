import PhoneNumbers
import Testing

@Suite struct WrittenSpellingTests {
    static let spellings: [(text: String, region: String?)] = [
        ("+819012345678", nil),
        ("+81 90 1234 5678", nil),
        ("+81-90-1234-5678", nil),
        ("+81 (90) 1234-5678", nil),
        ("+81 (0)90 1234 5678", nil),
        ("(+81) 90.1234.5678", nil),
        ("+81 90/1234/5678", nil),
        ("  +81 90 1234 5678\r\n", nil),
        ("\u{FF0B}\u{FF18}\u{FF11} 90 1234 5678", nil),
        ("+81\u{A0}90\u{A0}1234\u{A0}5678", nil),
        ("+81\u{2011}90\u{2013}1234\u{2212}5678", nil),
        ("\u{202A}+81 90 1234 5678\u{202C}", nil),
        ("\u{2068}+81 90 1234 5678\u{2069}", nil),
        ("09012345678", "JP"),
        ("090-1234-5678", "JP"),
        ("090\u{30FC}1234\u{30FC}5678", "JP"),
        ("０９０　１２３４　５６７８", "JP"),
        ("(090)1234-5678", "JP"),
        ("\u{FF08}090\u{FF09}1234\u{FF0D}5678", "JP"),
        ("9012345678", "JP"),
        ("81 90 1234 5678", "JP"),
        ("010 81 90 1234 5678", "JP"),
        ("\u{0660}\u{0669}\u{0660}-1234-5678", "JP"),
        ("00 81 90 1234 5678", "DE"),
        ("011 81 90 1234 5678", "US"),
        ("+81 90 1234 5678", "US"),
        ("+81 90 1234 5678", "XX"),
    ]

    @Test(arguments: spellings)
    func `every spelling people use is one number`(_ text: String, _ region: String?) throws {
        #expect(try PhoneNumber(parsing: text, region: region) == PhoneNumber(e164Input: "+819012345678"))
    }

    /// Each row changes one thing in "090-1234-5678" of Japan.
    static let malformed = [
        "",
        " ",
        "-",
        "+",
        "\u{202A}\u{202C}",
        "telephone",
        "090-1234-5678\0",
        "\0090-1234-5678",
        "090-12\034-5678",
        "090-1234-5678 ext. 9",
        "090-1234-5678;ext=9",
        "090-1234-5678 x9",
        "090-1234-5678 #9",
        "090-1234-5678 - 9#",
        "090-1234-5678,,9",
        "090-1234-5678;9",
        "090-1234-5678~9",
        "090-1234-5678 \u{0434}\u{043E}\u{0431} 9",
        "090-1234-5678%00",
        "090-1234-5678;isub=9",
        "tel:090-1234-5678",
        "tel:090-1234-5678;phone-context=+81",
        "Tel. 090-1234-5678",
        "090-1234-JULY",
        "090-1234-5678 / x",
        "090-1234-5678, 090-8765-4321",
        "*090-1234-5678",
        "090-1234-5678*",
        "090+1234-5678",
        "090-1234-5678+",
        "\u{202E}090-1234-5678",
        "\u{200F}090-1234-5678",
        "090\u{202E}-1234-5678",
        "090\u{202A}-1234-5678",
        "090\u{200B}-1234-5678",
        "090\t1234\t5678",
        "090\n1234\n5678",
        "\u{FFFD}090-1234-5678",
        "090-1234-567\u{00B2}",
        "090-1234-567\u{2167}",
    ]

    @Test(arguments: malformed)
    func `anything else is refused`(_ text: String) {
        #expect(throws: PhoneNumberError.malformed) { try PhoneNumber(parsing: text, region: "JP") }
    }

    @Test(arguments: [nil, "", "XX", "jp", "J", "JPN", "001", "ZZ", "J\0", "日本"] as [String?])
    func `a national spelling needs a region the library knows`(_ region: String?) {
        #expect(throws: PhoneNumberError.invalid) { try PhoneNumber(parsing: "090-1234-5678", region: region) }
    }

    @Test(arguments: ["12", "090-1234-56789", "110", "00", "+12345"])
    func `a number of no numbering plan is refused`(_ text: String) {
        #expect(throws: PhoneNumberError.invalid) { try PhoneNumber(parsing: text, region: "JP") }
    }

    @Test func `sixty-four bytes are read and sixty-five are not`() throws {
        let longest = "+81 90 1234 5678".padding(to: 64)
        #expect(try PhoneNumber(parsing: longest).e164 == "+819012345678")
        #expect(throws: PhoneNumberError.malformed) { try PhoneNumber(parsing: longest + " ") }
        #expect(throws: PhoneNumberError.malformed) { try PhoneNumber(parsing: String(repeating: "1", count: 1 << 20)) }
    }
}

extension String {
    fileprivate func padding(to length: Int) -> String { self + String(repeating: " ", count: length - utf8.count) }
}
