import Synchronization

/// A fixed number of places; whoever finds none waits for one. One at a time waits.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(free: count)) }

    /// At most `count` places; none only when somebody was quicker at the one that got free.
    func take(atMost count: Int) async -> Int {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free <= 0 else { return true }
                state.waiting = continuation
                return false
            }
            if isFree { continuation.resume() }
        }
        return state.withLock { state in
            let taken = max(0, min(state.free, count))
            state.free -= taken
            return taken
        }
    }

    var isAnyFree: Bool { state.withLock { $0.free > 0 } }

    /// Whether or not one is free.
    func takeOneMore() { state.withLock { $0.free -= 1 } }

    func giveBack(_ count: Int) {
        guard count > 0 else { return }
        let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.free += count
            guard state.free > 0 else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }
}
