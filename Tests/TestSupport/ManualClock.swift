import Synchronization
package import Time

/// A clock that stands still until it is told otherwise. It may be set back, as clocks are.
package final class ManualClock: Sendable {
    private let time: Mutex<Timestamp>

    package init(_ start: Timestamp = .noon) { time = Mutex(start) }

    package var now: Timestamp { time.withLock { $0 } }
    package var clock: WallClock { WallClock { self.now } }

    package func set(to moment: Timestamp) { time.withLock { $0 = moment } }
    package func advance(seconds: Int) { time.withLock { $0 = $0.adding(seconds: seconds) } }
    package func advance(milliseconds: Int64) { time.withLock { $0 = $0.adding(milliseconds: milliseconds) } }
}

extension Timestamp {
    /// 2026-01-01T12:00:00Z.
    package static let noon = Timestamp(seconds: 1_767_268_800)
}
