import Synchronization

/// Wakes whoever waits for a link to be answered, in this process. A waiting poll is one entry here: no thread,
/// and no look at the database until there is something to see.
package final class LinkWaiting: Sendable {
    private struct State {
        var waiters: [String: [Int: AsyncStream<LinkState>.Continuation]] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// The first news of an operation from now on. The stream ends with it, or when it is let go.
    func news(of operationID: String) -> AsyncStream<LinkState> {
        let (stream, continuation) = AsyncStream.makeStream(of: LinkState.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.waiters[operationID, default: [:]][state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in
                state.waiters[operationID]?[number] = nil
                if state.waiters[operationID]?.isEmpty == true { state.waiters[operationID] = nil }
            }
        }
        return stream
    }

    func tell(_ news: LinkState, of operationID: String) {
        let waiters = state.withLock { $0.waiters.removeValue(forKey: operationID) }
        for waiter in (waiters ?? [:]).values {
            waiter.yield(news)
            waiter.finish()
        }
    }

    /// How many polls wait now.
    package var count: Int { state.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }
}
