import Synchronization
package import Time

/// Keeps texts away from a connector whose tries all fail, so that nobody waits for it: after some failures in a row
/// it is open, after a pause one text finds out whether the provider is back, and the pauses grow.
///
/// Known per process: it describes this process' way to the provider.
package final class CircuitBreaker: Sendable {
    fileprivate struct State {
        var failuresInARow = 0
        /// `nil` while it is closed.
        var opensUntil: Timestamp?
        /// One text is on its way to find out.
        var isProbing = false
        /// It took a text once, so its credentials are right.
        var hasWorked = false
        var pauseSeconds = CircuitBreaker.firstPauseSeconds
        var totals: [String: Int] = [:]
    }

    private let state = Mutex(State())

    fileprivate static let tolerated = 5
    private static let firstPauseSeconds = 15
    fileprivate static let longestPauseSeconds = 300

    package init() {}

    /// Whether a text may be tried. When a pause is over, one may; the others wait for what becomes of it, and for
    /// no longer than another pause.
    func admits(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard let until = state.end(at: now) else { return true }
            guard until <= now else { return false }
            state.isProbing = true
            state.opensUntil = now.adding(seconds: state.pauseSeconds)
            return true
        }
    }

    /// Seconds until the next try; `nil` while it is closed.
    package func openSeconds(at now: Timestamp) -> Int? {
        state.withLock { state in
            guard let until = state.end(at: now), until > now else { return nil }
            return max(1, now.secondsRoundedUp(until: until))
        }
    }

    /// Until a try is answered again, whatever the pauses.
    package var isOpen: Bool { state.withLock { $0.opensUntil != nil } }

    enum Change: Equatable { case opened, closed }

    /// What a try's outcome changed, if anything.
    func record(_ outcome: SendResult.Outcome, at now: Timestamp) -> Change? {
        state.withLock { state in
            state.totals[outcome.name, default: 0] += 1
            switch outcome {
            case .accepted, .refused, .throttled:
                if case .accepted = outcome { state.hasWorked = true }
                // The provider answers and knows who asks; what it says of one number says nothing of others.
                let wasOpen = state.opensUntil != nil
                state.failuresInARow = 0
                state.opensUntil = nil
                state.isProbing = false
                state.pauseSeconds = Self.firstPauseSeconds
                return wasOpen ? .closed : nil
            case .misconfigured where state.hasWorked:
                // A country or a template that this account lacks: whoever asks for texts there must not close the
                // way for everybody else.
                state.isProbing = false
                return nil
            case .unreachable, .misconfigured:
                return state.recordFailure(at: now)
            }
        }
    }

    /// Tries since the process started, by outcome.
    package var totals: [String: Int] { state.withLock { $0.totals } }
}

extension CircuitBreaker.State {
    fileprivate mutating func recordFailure(at now: Timestamp) -> CircuitBreaker.Change? {
        failuresInARow += 1
        if opensUntil == nil, failuresInARow >= CircuitBreaker.tolerated {
            opensUntil = now.adding(seconds: pauseSeconds)
            return .opened
        }
        // Others that were under way when it opened say nothing new.
        if isProbing {
            isProbing = false
            pauseSeconds = min(pauseSeconds * 2, CircuitBreaker.longestPauseSeconds)
            opensUntil = now.adding(seconds: pauseSeconds)
        }
        return nil
    }

    /// A clock that was set back must not make the pause longer.
    fileprivate mutating func end(at now: Timestamp) -> Timestamp? {
        guard let until = opensUntil else { return nil }
        opensUntil = min(until, now.adding(seconds: pauseSeconds))
        return opensUntil
    }
}
