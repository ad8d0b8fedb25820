import Synchronization

/// Wakes whoever waits for a link to be answered. A waiting poll is one entry here: no thread, and no look at the
/// database of its own. Answers that other processes took are seen by one look for all that wait in this one.
package final class LinkWaiting: Sendable {
    private struct State {
        var waiters: [String: [Int: AsyncStream<LinkState>.Continuation]] = [:]
        var next = 0
    }

    private let state = Mutex(State())
    private let arrival: AsyncStream<Void>.Continuation
    /// Somebody began to wait. Arrivals that nobody looked at are one arrival.
    package let arrivals: AsyncStream<Void>

    package init() { (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// The first news of an operation from now on. The stream ends with it, or when it is let go.
    func news(of operationID: String) -> AsyncStream<LinkState> {
        let (stream, continuation) = AsyncStream.makeStream(of: LinkState.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.waiters[operationID, default: [:]][state.next] = continuation
            return state.next
        }
        arrival.yield()
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

    /// Sends everybody away to ask again.
    package func letGo() { for id in operations { tell(.waiting, of: id) } }

    /// The operations that somebody waits for.
    package var operations: [String] { state.withLock { Array($0.waiters.keys) } }

    /// Tells whoever waits what other processes were answered.
    package func look(in store: any PhoneLoginStore) async throws {
        let operations = operations
        guard !operations.isEmpty else { return }
        for (id, state) in try await store.linkAnswers(of: operations) where state != .waiting {
            tell(state, of: id)
        }
    }

    /// How many polls wait now.
    package var count: Int { state.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }
}
