import Synchronization

/// Keeps what was fetched, and lets one caller at a time fetch a key: a crowd that comes at once asks somebody else's
/// server one time.
final class FetchedOnce<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct State {
        var values: [Key: Value] = [:]
        var waiting: [Key: [CheckedContinuation<Void, Never>]] = [:]
    }

    /// More than are in use at once; strangers choose the keys, so the memory for them is bounded.
    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int = 1000) { self.capacity = capacity }

    subscript(key: Key) -> Value? { state.withLock { $0.values[key] } }

    /// - Parameters:
    ///   - isGood: whether what is kept will do.
    ///   - fetch: gets the value anew, given the one before; `nil`: it was called off, and the next in line tries.
    func value(
        of key: Key, where isGood: (Value) -> Bool, else fetch: (Value?) async -> Value?
    ) async -> Value? {
        while !Task.isCancelled {
            if let value = self[key], isGood(value) { return value }
            guard await isFirst(for: key) else { continue }
            // Somebody may have finished between the look and now.
            let earlier = self[key]
            let fetched = if let earlier, isGood(earlier) { earlier } else { await fetch(earlier) }
            finish(key, fetched)
            return fetched
        }
        return nil
    }

    /// True for who is to fetch; anybody else waits here until that is done.
    private func isFirst(for key: Key) async -> Bool {
        let isFirst = state.withLock { state in
            guard state.waiting[key] == nil else { return false }
            state.waiting[key] = []
            return true
        }
        if isFirst { return true }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                state.waiting[key]?.append(continuation)
                return state.waiting[key] == nil
            }
            if isOver { continuation.resume() }
        }
        return false
    }

    private func finish(_ key: Key, _ value: Value?) {
        let waiting = state.withLock { state in
            if let value {
                if state.values.count >= capacity, state.values[key] == nil, let any = state.values.keys.first {
                    state.values[any] = nil
                }
                state.values[key] = value
            }
            return state.waiting.removeValue(forKey: key) ?? []
        }
        for continuation in waiting { continuation.resume() }
    }
}
