extension String {
    /// A number without what people write between digits. Country code and `+` must be there.
    var asPhoneNumber: String {
        String(filter { !$0.isWhitespace && !"().-‐‑–".contains($0) }.map(\.asASCIIDigit))
    }

    /// A code as it was texted: some keyboards write other digits, and people put spaces between them.
    var asCode: String {
        let digits = filter { !$0.isWhitespace }.map(\.asASCIIDigit)
        return String(digits)
    }
}

extension Character {
    /// `５` and `٥` are 5.
    fileprivate var asASCIIDigit: Character {
        guard let value = wholeNumberValue, (0...9).contains(value) else { return self }
        return Character(String(value))
    }
}
