import Synchronization
package import Time

/// Whether texts go out at all. When every recent one failed, people are told at once instead of waiting for a
/// text that will not come. Known per process: it describes this process' way to the provider.
package final class DeliveryHealth: Sendable {
    private struct State {
        var failuresInARow = 0
        var lastFailure = Timestamp(milliseconds: 0)
        var accepted = 0
        var failed = 0
    }

    private let state = Mutex(State())

    private static let tolerated = 5
    /// After this long a text is tried again, to find out whether the provider is back.
    private static let pauseSeconds = 15

    package init() {}

    /// True when this success ends an outage.
    func recordSuccess() -> Bool {
        state.withLock {
            let wasOut = $0.failuresInARow >= Self.tolerated
            $0.failuresInARow = 0
            $0.accepted += 1
            return wasOut
        }
    }

    /// True when this failure is the one that makes it an outage.
    func recordFailure(at now: Timestamp) -> Bool {
        state.withLock {
            $0.failuresInARow += 1
            $0.lastFailure = now
            $0.failed += 1
            return $0.failuresInARow == Self.tolerated
        }
    }

    /// Tries since the process started.
    package var totals: (accepted: Int, failed: Int) { state.withLock { ($0.accepted, $0.failed) } }

    /// Seconds until the next try, while texts do not go out.
    package func unavailableSeconds(at now: Timestamp) -> Int? {
        state.withLock {
            guard $0.failuresInARow >= Self.tolerated else { return nil }
            // A clock that was set back must not make the pause longer.
            $0.lastFailure = min($0.lastFailure, now)
            let back = $0.lastFailure.adding(seconds: Self.pauseSeconds)
            return now < back ? max(1, now.secondsRoundedUp(until: back)) : nil
        }
    }
}
