extension PhoneNumber {
    /// Reads `phone_number` of the phone API: `^\+(\d){5,25}$` in ASCII, and then a valid number.
    ///
    /// Nothing is tidied up first. Spaces, `00`, full-width digits, `;ext=`, NUL bytes and direction marks are
    /// all refused, because a spelling that means different things to two programs is two accounts, or
    /// one number with two guess counters. What passes is still normalised: a trunk prefix after the country
    /// code ("+81090…") leads to the number without it.
    ///
    /// - Throws: `.malformed` when the text breaks the pattern, `.invalid` when no such number exists.
    package init(e164Input text: String) throws(PhoneNumberError) {
        guard Self.isWireSpelling(text.utf8) else { throw .malformed }
        try self.init(checking: text, region: nil)
    }

    /// A byte scan, not a regular expression: `\d` and `$` mean more than they say in most engines (other
    /// scripts' digits, a newline at the end).
    private static func isWireSpelling(_ bytes: String.UTF8View) -> Bool {
        guard bytes.first == UInt8(ascii: "+"), (6...26).contains(bytes.count) else { return false }
        return bytes.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
