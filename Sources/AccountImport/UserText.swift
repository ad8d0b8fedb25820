import Time

/// Reads single values. Every function answers nil for a value that will not do.
enum UserText {
    /// Any case is read; RFC 9562 §4 writes lower case, and one account has one id.
    static func uuid(_ text: String) -> String? {
        guard text.utf8.count == 36 else { return nil }
        var hasCapitals = false
        var index = 0
        for byte in text.utf8 {
            let isHyphen = byte == UInt8(ascii: "-")
            guard isHyphen == (index == 8 || index == 13 || index == 18 || index == 23) else { return nil }
            index += 1
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"):
                continue
            case UInt8(ascii: "A")...UInt8(ascii: "F"): hasCapitals = true
            default: return nil
            }
        }
        return hasCapitals ? text.lowercased() : text
    }

    /// What databases and spreadsheets write.
    static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "t", "yes", "y", "1": true
        case "false", "f", "no", "n", "0": false
        default: nil
        }
    }

    static let loginNameRule = "longer than 255 characters, or with white space or control characters"

    /// The widest rule of the interfaces that sign in by name: theirs are narrower for new names.
    static func loginName(_ text: String) -> String? {
        guard text.utf8.count <= 1020, !hasControls(text), !hasWhiteSpace(text) else { return nil }
        return text.utf8.count <= 255 || text.unicodeScalars.count <= 255 ? text : nil
    }

    /// One `@` with something on both sides, at most 254 bytes (RFC 5321 §4.5.3.1.3). Whether mail arrives there
    /// is for a message to find out.
    static func email(_ text: String) -> String? {
        let at = UInt8(ascii: "@")
        guard text.utf8.count <= 254, text.utf8.first != at, text.utf8.last != at,
            text.utf8.count(where: { $0 == at }) == 1, !hasControls(text), !hasWhiteSpace(text)
        else { return nil }
        return text
    }

    static let passwordHashRule = "longer than 1024 characters, or not printable ASCII without spaces"

    static func passwordHash(_ text: String) -> String? {
        text.utf8.count <= 1024 && text.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? text : nil
    }

    static let displayNameRule = "longer than 1024 bytes, or with control characters"

    static func displayName(_ text: String) -> String? {
        text.utf8.count <= 1024 && !hasControls(text) ? text : nil
    }

    static func country(_ text: String) -> String? {
        text.utf8.count == 2 && text.utf8.allSatisfy(isLetter) ? text.uppercased() : nil
    }

    /// The shape of RFC 5646 §2.1. The underscore that POSIX and Java write becomes a hyphen.
    static func locale(_ text: String) -> String? {
        guard text.utf8.count <= 35 else { return nil }
        let tag = text.utf8.contains(UInt8(ascii: "_")) ? String(text.map { $0 == "_" ? "-" : $0 }) : text
        let parts = tag.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let areWellFormed = parts.allSatisfy { part in
            (1...8).contains(part.count) && part.allSatisfy { isLetter($0) || isDigit($0) }
        }
        guard let language = parts.first, areWellFormed, language.count >= 2 else { return nil }
        return language.allSatisfy(isLetter) ? tag : nil
    }

    static let momentRule = "neither RFC 3339 with an offset nor whole Unix seconds or milliseconds from 1970 to 9999"

    static func moment(_ text: String) -> Timestamp? {
        guard text.utf8.allSatisfy(isDigit) else { return Timestamp(internetDate: text) }
        return Int64(text).flatMap { moment($0) }
    }

    /// Seconds up to the year 5138, milliseconds from the year 1973: nobody's account is old enough to be both.
    static func moment(_ number: Int64) -> Timestamp? {
        guard number >= 0 else { return nil }
        if number < 100_000_000_000 { return Timestamp(seconds: number) }
        return number <= Timestamp.lastMillisecond ? Timestamp(milliseconds: number) : nil
    }

    /// C0, DEL and C1: no value of these shows them, and a terminal may obey them.
    static func hasControls(_ text: String) -> Bool {
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte < 0x20 || byte == 0x7F || previous == 0xC2 && byte < 0xA0 { return true }
            previous = byte
        }
        return false
    }

    /// Of any script. Asking Unicode about an ASCII letter takes longer than all else that is done with it.
    private static func hasWhiteSpace(_ text: String) -> Bool {
        // Its other ASCII kinds are control characters, which are refused beside this.
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.contains(0x20) }
        return text.unicodeScalars.contains { $0.properties.isWhitespace }
    }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}

extension String {
    /// Without spaces and tabs at its ends. Nearly every value has none, and is not copied.
    var trimmed: String {
        func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
        guard isBlank(utf8.first) || isBlank(utf8.last) else { return self }
        var view = utf8[...]
        while isBlank(view.first) { view.removeFirst() }
        while isBlank(view.last) { view.removeLast() }
        return String(Substring(view))
    }
}
