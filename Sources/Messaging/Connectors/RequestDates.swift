import Time

/// The spellings of a moment that signatures want. All are UTC, to the second.
extension Timestamp {
    /// `2026-01-01T12:00:00Z`
    var secondsDate: String { "\(internetDate.prefix(19))Z" }
    /// `20260101T120000Z`
    var compactDate: String { secondsDate.filter { $0 != "-" && $0 != ":" } }
    /// `2026-01-01`
    var day: String { String(internetDate.prefix(10)) }
}
