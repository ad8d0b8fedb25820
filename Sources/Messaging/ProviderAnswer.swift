/// A provider's own words on a text, fit for a log: bounded, on one line, and without numbers or codes.
package struct ProviderAnswer: Sendable, Equatable, CustomStringConvertible {
    package let status: Int?
    package let code: String?
    package let words: String?

    package init(status: Int? = nil, code: String? = nil, words: String? = nil) {
        self.status = status
        self.code = code.map(Self.identifier)
        self.words = words.map(Self.cleaned)
    }

    package var description: String {
        [status.map { "HTTP \($0)" }, code, words].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: ", ")
    }

    /// Codes are short words; anything else in one is dropped.
    private static func identifier(_ code: String) -> String {
        String(
            decoding: code.utf8.lazy.filter { byte in
                byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            }.prefix(64), as: UTF8.self)
    }

    /// A provider repeats what it was given: the number, perhaps in groups, or the text with its code. Four digits
    /// with nothing but separators between them can be either, so none stay.
    private static func cleaned(_ words: String) -> String {
        var cleaned = ""
        var run = ""
        var digits = 0
        // Separators behind the last digit, which belong to what follows.
        var gap = ""
        func flush() {
            cleaned += digits < 4 ? run : "…"
            cleaned += gap
            (run, digits, gap) = ("", 0, "")
        }
        for scalar in words.unicodeScalars.prefix(300) {
            if scalar.properties.numericType != nil {
                run += gap
                gap = ""
                run.unicodeScalars.append(scalar)
                digits += 1
                continue
            }
            if digits > 0, gap.utf8.count < 2, " -.()/".unicodeScalars.contains(scalar) {
                gap.unicodeScalars.append(scalar)
                continue
            }
            flush()
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                cleaned += " "
            default: cleaned.unicodeScalars.append(scalar)
            }
        }
        flush()
        return cleaned
    }
}
