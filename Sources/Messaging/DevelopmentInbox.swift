import Synchronization
package import Time

/// The last texts that went out, for whoever develops an app and has no phone at hand. Absent in production.
package final class DevelopmentInbox: Sendable {
    private struct State {
        var messages: [TextMessage] = []
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextWatcher = 0
    }

    private let state = Mutex(State())
    private static let capacity = 200

    package init() {}

    /// Newest first.
    package var messages: [TextMessage] { state.withLock { $0.messages.suffix(Self.capacity).reversed() } }

    func add(_ message: TextMessage) {
        let watchers = state.withLock { state in
            state.messages.append(message)
            // Seldom, since all that stay are moved.
            if state.messages.count > Self.capacity * 2 { state.messages.removeFirst(Self.capacity) }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.yield() }
    }

    /// One element for each text (several texts at once may be one), until the stream is let go.
    package func arrivals() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            return state.nextWatcher
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
        }
        return stream
    }
}

/// Shows in the inbox what another connector took.
package struct InboxConnector: MessageConnector {
    private let inbox: DevelopmentInbox
    let next: any MessageConnector

    package var channels: Set<MessageChannel> { next.channels }
    package var givesReceipts: Bool { next.givesReceipts }
    package var timeoutSeconds: Int { next.timeoutSeconds }

    package init(inbox: DevelopmentInbox, next: any MessageConnector) {
        self.inbox = inbox
        self.next = next
    }

    package func send(_ message: TextMessage, at now: Timestamp) async -> SendResult {
        let result = await next.send(message, at: now)
        if case .accepted = result.outcome { inbox.add(message) }
        return result
    }
}
