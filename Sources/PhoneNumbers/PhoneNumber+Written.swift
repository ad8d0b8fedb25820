private import CPhoneNumber

extension PhoneNumber {
    /// Reads a number as people write it on a page: national or international, with spaces, dashes, dots,
    /// slashes and brackets, in the decimal digits of any script.
    ///
    /// The library would forgive much more: letters as on a keypad, `tel:` URIs, extensions, words before the
    /// number, a second number after it. Each is one more text that silently means another number, so only
    /// the characters below reach it.
    ///
    /// - Parameter region: ISO 3166-1 alpha-2 in capitals, what a national spelling is national to. Without it
    ///   (or with one the library does not know) only international spellings are numbers.
    /// - Throws: `.malformed` when the text is not one telephone number without an extension, or is longer than
    ///   64 bytes; `.invalid` when it is, but no such number exists.
    package init(parsing text: String, region: String? = nil) throws(PhoneNumberError) {
        guard text.utf8.count <= DENWA_PHONE_TEXT_LIMIT else { throw .malformed }
        let written = Self.withoutSurroundings(text.unicodeScalars)
        guard Self.isWrittenSpelling(written) else { throw .malformed }
        try self.init(checking: String(written), region: region.flatMap { Self.isRegion($0) ? $0 : nil })
    }

    /// White space, and the left-to-right marks that address books put around a number when it is copied.
    /// Right-to-left marks are not dropped: a text that shows its digits in another order is refused.
    private static func withoutSurroundings(_ text: String.UnicodeScalarView) -> Substring.UnicodeScalarView {
        func surrounds(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "\u{200E}", "\u{202A}", "\u{202C}", "\u{202D}", "\u{2066}", "\u{2068}", "\u{2069}": true
            default: scalar.properties.isWhitespace
            }
        }
        let start = text.drop(while: surrounds)
        guard let last = start.lastIndex(where: { !surrounds($0) }) else { return start.prefix(0) }
        return start[...last]
    }

    private static func isWrittenSpelling(_ text: Substring.UnicodeScalarView) -> Bool {
        var hasDigit = false
        for scalar in text {
            switch scalar {
            case "+", "\u{FF0B}":
                // A plus after a digit is a second number, or a sum.
                if hasDigit { return false }
            case " ", "\u{A0}", "\u{3000}",  // spaces
                "-", "\u{2010}"..."\u{2015}", "\u{2212}", "\u{30FC}", "\u{FF0D}",  // dashes
                "(", ")", "[", "]", "\u{FF08}", "\u{FF09}", "\u{FF3B}", "\u{FF3D}",  // brackets
                ".", "/", "\u{FF0E}", "\u{FF0F}":
                continue
            case _ where scalar.properties.numericType == .decimal:
                hasDigit = true
            default:
                return false
            }
        }
        return hasDigit
    }

    private static func isRegion(_ text: String) -> Bool {
        text.utf8.count == 2 && text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }
}
