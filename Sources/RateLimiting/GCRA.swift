package import Time

/// The generic cell rate algorithm (ITU-T I.371, "virtual scheduling").
///
/// One integer per counted thing, the *theoretical arrival time*, says everything: a burst of `count` is
/// allowed at once, after that one more every `window / count`. Nothing has to be swept when a window ends,
/// and a refund is an exact subtraction.
///
/// The arrival time is kept in microseconds: with milliseconds a limit such as 60,000 a minute and more
/// would round its interval to nothing.
package struct GCRA: Sendable {
    /// Microseconds between two events at the sustained rate, at least 1.
    package let interval: Int64
    /// How far ahead of now the arrival time may run: the burst.
    package let tolerance: Int64

    package init(_ limit: Limit) {
        interval = max(1, Int64(limit.windowSeconds) * 1_000_000 / Int64(limit.count))
        tolerance = interval * Int64(limit.count)
    }

    package enum Decision: Equatable, Sendable {
        case allowed(arrival: Int64)
        case refused(retryAfterSeconds: Int)
    }

    package func decide(arrival: Int64?, at now: Timestamp) -> Decision {
        let next = max(arrival ?? 0, now.microseconds) + interval
        let excess = next - now.microseconds - tolerance
        return excess <= 0 ? .allowed(arrival: next) : .refused(retryAfterSeconds: Self.secondsRoundedUp(excess))
    }

    /// How many more events would be allowed at `now`.
    package func remaining(arrival: Int64, at now: Timestamp) -> Int {
        Int(max(0, tolerance - max(0, arrival - now.microseconds)) / interval)
    }

    private static func secondsRoundedUp(_ microseconds: Int64) -> Int { Int((microseconds + 999_999) / 1_000_000) }
}

extension Timestamp {
    package var microseconds: Int64 { milliseconds * 1000 }
}
