extension PhoneNumber {
    /// What logs and pages show: "+8190****5678".
    ///
    /// The country code, up to two national digits and the last four, so that the owner recognises it. That
    /// hides four digits or more of a national number of ten; a shorter one shows no national digit in front,
    /// and at the end only as many as keep half of all digits hidden. The number of asterisks tells nothing.
    package var masked: String {
        let digits = e164.utf8.dropFirst()
        let countryCode = Self.countryCodeLength(of: digits)
        let national = digits.count - countryCode
        guard e164.utf8.first == UInt8(ascii: "+"), national > 0 else { return "****" }

        let isShort = national < 10
        let front = countryCode + (isShort ? 0 : 2)
        let back = isShort ? max(0, min(4, digits.count / 2 - countryCode)) : 4
        return "+\(Substring(digits.prefix(front)))****\(Substring(digits.suffix(back)))"
    }

    /// Length of the country code, from the zones of ITU-T E.164: no code is the beginning of another, so two
    /// digits settle it. Asking the library would need the parsed number, and rows of the database have none.
    static func countryCodeLength(of digits: Substring.UTF8View) -> Int {
        let pair = digits.prefix(2).reduce(0) { $0 * 10 + Int($1) - Int(UInt8(ascii: "0")) }
        return switch pair {
        case 10...19, 70...79: 1
        case 20, 27, 30...34, 36, 39, 40, 41, 43...49, 51...58, 60...66, 81, 82, 84, 86, 90...95, 98: 2
        default: 3
        }
    }
}
