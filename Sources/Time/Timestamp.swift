/// A moment of the wall clock, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Milliseconds are what the database stores, so a value read back equals the value written; an expiry is
/// exact because it is one integer comparison.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }
    package init(seconds: Int64) { self.milliseconds = seconds * 1000 }

    /// Whole seconds, rounded down: the NumericDate of RFC 7519 §2.
    package var seconds: Int64 {
        milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
    }

    package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool { lhs.milliseconds < rhs.milliseconds }

    package func adding(seconds: Int) -> Timestamp { adding(milliseconds: Int64(seconds) * 1000) }
    package func adding(milliseconds: Int64) -> Timestamp {
        Timestamp(milliseconds: self.milliseconds + milliseconds)
    }

    /// Seconds from `self` until `later`, rounded up and never negative: what `Retry-After` and
    /// `expires_in` promise must not be shorter than the truth.
    package func secondsRoundedUp(until later: Timestamp) -> Int {
        let difference = later.milliseconds - milliseconds
        return difference <= 0 ? 0 : Int((difference + 999) / 1000)
    }
}
