import PhoneNumbers
import Testing

/// Attack 4: other spellings of a number are one account and one counter, or refused.
@Suite struct WireSpellingTests {
    /// Each row changes one thing in "+819012345678".
    static let malformed = [
        "",
        "+",
        "819012345678",
        "00819012345678",
        "++819012345678",
        "+ 819012345678",
        "+81 90 1234 5678",
        "+81-90-1234-5678",
        "+81(90)12345678",
        "+81.90.1234.5678",
        " +819012345678",
        "+819012345678 ",
        "+819012345678\n",
        "+819012345678\r\n",
        "\t+819012345678",
        "+819012345678\0",
        "\0+819012345678",
        "+8190\01234567",
        "+819012345678%00",
        "+81901234567%38",
        "%2B819012345678",
        "+819012345678;ext=9",
        "+819012345678;ext=",
        "+819012345678;isub=1",
        "+819012345678x9",
        "+819012345678#9",
        "+819012345678,,9",
        "tel:+819012345678",
        "tel:9012345678;phone-context=+81",
        "+81901234567a",
        "\u{FF0B}819012345678",
        "+81901234567\u{FF18}",
        "+\u{FF18}\u{FF11}9012345678",
        "+81901234567\u{0668}",
        "+81901234567\u{1D7D6}",
        "\u{200F}+819012345678",
        "\u{202E}+819012345678",
        "+8190\u{202E}12345678",
        "\u{202A}+819012345678\u{202C}",
        "+8190\u{200B}12345678",
        "+819012345678\u{FEFF}",
        "\u{FEFF}+819012345678",
        "+8\u{0301}19012345678",
        "+819012345678\u{0301}",
        "+1234",
        "+" + String(repeating: "1", count: 26),
        "+" + String(repeating: "1", count: 10_000),
    ]

    @Test(arguments: malformed)
    func `another spelling is refused`(_ text: String) {
        #expect(throws: PhoneNumberError.malformed) { try PhoneNumber(e164Input: text) }
    }

    /// The pattern holds, the number does not.
    static let invalid = [
        "+12345",
        "+" + String(repeating: "1", count: 25),
        "+00819012345678",
        "+0819012345678",
        "+999123456789",
        "+8190123456789",
        "+81901234567",
        "+818012345",
        "+11234567890",
        "+12025550",
        "+447700900123",  // kept free for films by Ofcom
    ]

    @Test(arguments: invalid)
    func `a number of no numbering plan is refused`(_ text: String) {
        #expect(throws: PhoneNumberError.invalid) { try PhoneNumber(e164Input: text) }
    }

    @Test func `a valid number keeps its spelling and is fully known`() throws {
        let number = try PhoneNumber(e164Input: "+819012345678")
        #expect(number.e164 == "+819012345678")
        #expect(number.region == "JP")
        #expect(number.lineType == .mobile)
    }

    static let trunkPrefixes = [
        ("+8109012345678", "+819012345678"),
        ("+4407400123456", "+447400123456"),
        ("+330612345678", "+33612345678"),
        ("+5215512345678", "+525512345678"),
        ("+540111523456789", "+5491123456789"),
    ]

    @Test(arguments: trunkPrefixes)
    func `a trunk prefix after the country code leads to the same account`(_ text: String, _ e164: String) throws {
        #expect(try PhoneNumber(e164Input: text) == PhoneNumber(e164Input: e164))
        #expect(try PhoneNumber(e164Input: text).e164 == e164)
    }

    /// The library alone would make "+5218442982060" of the first, and "+528442982060" of that: one telephone
    /// under two names. The third would get a name that is no valid number.
    @Test(arguments: ["+52118442982060", "+52113713932554", "+37588102315458"])
    func `a doubled trunk prefix is refused`(_ text: String) {
        #expect(throws: PhoneNumberError.invalid) { try PhoneNumber(e164Input: text) }
        #expect(throws: PhoneNumberError.invalid) { try PhoneNumber(parsing: text) }
    }
}
