import OAuth
import Synchronization

/// How many notices are under way, to each client and in all.
final class ClientLanes: Sendable {
    private struct State {
        var underWay: [ClientID: Int] = [:]
        var count = 0
    }

    private let width: Int
    private let total: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - width: a client with so many gets no more until one is done.
    ///   - total: nobody does when there are so many.
    init(width: Int, total: Int) {
        self.width = width
        self.total = total
    }

    var isFull: Bool { state.withLock { $0.count >= total } }

    var full: Set<ClientID> { state.withLock { Set($0.underWay.filter { $0.value >= width }.keys) } }

    func enter(_ client: ClientID) {
        state.withLock { state in
            state.underWay[client, default: 0] += 1
            state.count += 1
        }
    }

    /// True when there was no room before and is now: whoever waits for it should look again.
    func leave(_ client: ClientID) -> Bool {
        state.withLock { state in
            let before = state.underWay[client] ?? 0
            state.underWay[client] = before > 1 ? before - 1 : nil
            state.count -= 1
            return before == width || state.count == total - 1
        }
    }
}
