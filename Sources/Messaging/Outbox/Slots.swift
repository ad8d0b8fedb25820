import Synchronization

/// A fixed number of places; whoever finds none waits for one. One at a time waits.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(free: count)) }

    /// At least one place, at most `count`.
    func take(atMost count: Int) async -> Int {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free == 0 else { return true }
                state.waiting = continuation
                return false
            }
            if isFree { continuation.resume() }
        }
        return state.withLock { state in
            let taken = min(state.free, count)
            state.free -= taken
            return taken
        }
    }

    func giveBack(_ count: Int) {
        guard count > 0 else { return }
        let waiting: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.free += count
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }
}
