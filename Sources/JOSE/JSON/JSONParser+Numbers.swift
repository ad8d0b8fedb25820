extension JSONParser {
    /// A number by the grammar of RFC 8259 §6: no leading zero, no bare point, no plus in front.
    mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        let isNegative = try take(UInt8(ascii: "-"))
        let isWhole: Bool
        if try take(UInt8(ascii: "0")) {
            isWhole = try !skipFractionAndExponent()
        } else {
            try skipDigits()
            isWhole = try !skipFractionAndExponent()
        }
        let digits = bytes[(isNegative ? start + 1 : start)..<position]
        if isWhole, let value = Self.integer(digits, isNegative: isNegative) { return .integer(value) }
        // The grammar was checked above, so what Swift reads beyond it (hexadecimal, "inf") cannot get here.
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw failure(.numberOutOfRange, at: start)
        }
        return Self.digits(of: text) == Self.digits(of: value.description) ? .number(value) : .numeral(text)
    }

    /// The significant digits. A `Double` keeps a number when it writes the same ones back.
    private static func digits(of text: String) -> [UInt8] {
        let mantissa = text.utf8.prefix { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
        var digits = mantissa.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .drop { $0 == UInt8(ascii: "0") }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return Array(digits)
    }

    /// True when there was either.
    private mutating func skipFractionAndExponent() throws(JSONError) -> Bool {
        var found = false
        if isNext(UInt8(ascii: ".")) {
            position += 1
            try skipDigits()
            found = true
        }
        if isNext(UInt8(ascii: "e")) || isNext(UInt8(ascii: "E")) {
            position += 1
            if isNext(UInt8(ascii: "+")) || isNext(UInt8(ascii: "-")) { position += 1 }
            try skipDigits()
            found = true
        }
        return found
    }

    /// At least one.
    private mutating func skipDigits() throws(JSONError) {
        guard try isDigit(peek()) else { throw failure(.unexpectedByte) }
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// A number may be the last thing in a text, so the end is no error here.
    private func isNext(_ byte: UInt8) -> Bool { position < bytes.count && bytes[position] == byte }

    /// Nil on overflow. Counts downwards for negative numbers, since there is one more of them.
    private static func integer(_ digits: ArraySlice<UInt8>, isNegative: Bool) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            let amount = Int64(digit - UInt8(ascii: "0"))
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) =
                isNegative ? product.subtractingReportingOverflow(amount) : product.addingReportingOverflow(amount)
            guard !tooLarge, !overflows else { return nil }
            value = sum
        }
        return value
    }
}
