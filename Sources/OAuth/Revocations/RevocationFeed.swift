import Synchronization

/// Hands every revocation to whoever listens, from one look at the database for the whole process.
///
/// Nobody waits for a slow listener: each has a bounded buffer, and who lets it overflow is cut off, to come back
/// and go on from the last position it saw.
package final class RevocationFeed: Sendable {
    private struct State {
        var listeners: [Int: Listener] = [:]
        var last = 0
        /// How far the look at the database has come; worth nothing while nobody listens.
        var cursor: RevocationCursor
    }

    private struct Listener {
        let news: AsyncStream<[Revocation]>.Continuation
        let cutOff: AsyncStream<Never>.Continuation

        func end() {
            news.finish()
            cutOff.finish()
        }
    }

    /// Looks that a listener may be behind. Their entries are shared, so a buffer costs next to nothing.
    private static let buffer = 64
    private static let page = 500

    private let store: any RevocationStore
    private let maximum: Int
    private let overlap: Int64
    private let state: Mutex<State>
    private let arrival: AsyncStream<Void>.Continuation
    /// Somebody began to listen. Arrivals that nobody looked at are one arrival.
    package let arrivals: AsyncStream<Void>

    /// - Parameters:
    ///   - maximum: who comes when so many listen is turned away.
    ///   - overlap: see `RevocationCursor`; 0 where positions are committed in order.
    package init(store: any RevocationStore, maximum: Int, overlap: Int64 = 0) {
        self.store = store
        self.maximum = maximum
        self.overlap = overlap
        state = Mutex(State(cursor: RevocationCursor(position: 0, overlap: overlap)))
        (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package var isListenedTo: Bool { state.withLock { !$0.listeners.isEmpty } }

    /// - Parameter position: the last one that the listener saw, as it came; `nil` for one that is new.
    /// - Returns: `nil` when too many listen.
    package func listen(after position: String? = nil) async throws -> RevocationListener? {
        let extent = try await store.revocationExtent()
        let (news, newsContinuation) = AsyncStream.makeStream(
            of: [Revocation].self, bufferingPolicy: .bufferingOldest(Self.buffer))
        let (cutOff, cutOffContinuation) = AsyncStream.makeStream(of: Never.self)
        let listener = Listener(news: newsContinuation, cutOff: cutOffContinuation)
        let number: Int? = state.withLock { state in
            guard state.listeners.count < maximum else { return nil }
            if state.listeners.isEmpty {
                state.cursor = RevocationCursor(position: extent.newest, overlap: overlap)
            }
            state.last += 1
            state.listeners[state.last] = listener
            return state.last
        }
        guard let number else { return nil }
        newsContinuation.onTermination = { [weak self] _ in self?.end(number) }
        arrival.yield()
        return RevocationListener(
            opening: .init(after: position, in: extent), overlap: overlap, news: news, cutOff: cutOff,
            revocations: { [store] position in try await store.revocations(after: position, atMost: Self.page) })
    }

    /// Cuts everybody off, to come back and go on from the last position they saw.
    package func endAll() {
        let listeners = state.withLock { state in
            defer { state.listeners = [:] }
            return state.listeners.values
        }
        for listener in listeners { listener.end() }
    }

    private func end(_ number: Int) { state.withLock { $0.listeners.removeValue(forKey: number) }?.end() }

    /// Reads what is new and hands it on.
    package func look() async throws {
        var cursor = state.withLock { $0.cursor }
        var after = cursor.readAfter
        while true {
            let page = try await store.revocations(after: after, atMost: Self.page)
            let new = page.filter { cursor.admits($0) }
            state.withLock { $0.cursor = cursor }
            if !new.isEmpty { tell(new) }
            guard page.count == Self.page, let last = page.last else { return }
            after = last.position
        }
    }

    /// Nothing was missed up to here.
    package func beat() { tell([]) }

    private func tell(_ news: [Revocation]) {
        let listeners = state.withLock { $0.listeners }
        for (number, listener) in listeners {
            if case .dropped = listener.news.yield(news) { end(number) }
        }
    }
}
