import Time

extension Timestamp {
    /// The last one of the year 9999, where RFC 3339 ends.
    static let lastMillisecond: Int64 = 253_402_300_799_999

    /// Reads RFC 3339 §5.6: a date, a time, and an offset or `Z`. A space may stand for the `T`, fractions beyond
    /// the millisecond are dropped, and a leap second is the one after it.
    ///
    /// Nil for anything else, for days that a month does not have, and for moments before 1970.
    init?(internetDate text: String) {
        var reader = DigitReader(bytes: Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
            let second = reader.number(2), let fraction = reader.fraction(), let offset = reader.offset(),
            reader.isAtEnd,
            year >= 1, (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = Self.daysSince1970(year: year, month: month, day: day)
        let seconds = days * 86_400 + (hour * 60 + minute - offset) * 60 + second
        let milliseconds = Int64(seconds * 1000 + fraction)
        guard (0...Self.lastMillisecond).contains(milliseconds) else { return nil }
        self.init(milliseconds: milliseconds)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Years begin in March, so that the leap day is the last of one (see `internetDate`).
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let (year, month) = month > 2 ? (year, month - 3) : (year - 1, month + 9)
        return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
    }
}

/// Numbers of fixed width and the signs between them.
private struct DigitReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ sign: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    mutating func number(_ width: Int) -> Int? {
        guard position + width <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[position..<(position + width)] {
            guard UserText.isDigit(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        position += width
        return value
    }

    /// Milliseconds; 0 when there is no point, nil when no digit follows it.
    mutating func fraction() -> Int? {
        guard take(".") else { return 0 }
        let digits = bytes[position...].prefix { UserText.isDigit($0) }
        guard !digits.isEmpty else { return nil }
        position += digits.count
        let three = Array(digits.prefix(3)) + Array(repeating: UInt8(ascii: "0"), count: max(0, 3 - digits.count))
        return three.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// Minutes east of Greenwich.
    mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let isWest = take("-")
        guard isWest || take("+"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60
        else { return nil }
        return (isWest ? -1 : 1) * (hours * 60 + minutes)
    }
}
