import GRDB
import Storage
import Synchronization

/// An act waiting for its turn, and whoever waits for its result.
protocol WaitingAct: Sendable {
    /// Runs the act and keeps its result. Throws when the act threw, and keeps that too.
    func perform(_ connection: SQLiteConnection) async throws
    /// Hands the kept result over. Called once, after it is safe to answer.
    func answer()
    /// Hands `error` over instead.
    func fail(_ error: any Error)
}

final class PendingAct<Result: Sendable>: WaitingAct {
    private let act: SQLAct<Result>
    private let continuation: CheckedContinuation<Result, any Error>
    /// Written and read on the connection's thread alone.
    nonisolated(unsafe) private var result: Swift.Result<Result, any Error> = .failure(UnfinishedAct())

    init(_ act: @escaping SQLAct<Result>, _ continuation: CheckedContinuation<Result, any Error>) {
        self.act = act
        self.continuation = continuation
    }

    func perform(_ connection: SQLiteConnection) async throws {
        do {
            unsafe result = .success(try await act(connection))
        } catch {
            unsafe result = .failure(error)
            throw error
        }
    }

    func answer() { unsafe continuation.resume(with: result) }

    func fail(_ error: any Error) { continuation.resume(throwing: error) }
}

/// An act was answered before it ran: a fault of the lane.
struct UnfinishedAct: Error {}

/// The acts waiting for one connection, and whether that connection's thread is awake.
final class WaitingRoom: Sendable {
    private struct State {
        var acts: [any WaitingAct] = []
        var isServed = false
    }

    private let state = Mutex(State())

    /// True when the caller must wake the connection's thread.
    func add(_ act: any WaitingAct) -> Bool {
        state.withLock { state in
            state.acts.append(act)
            guard !state.isServed else { return false }
            state.isServed = true
            return true
        }
    }

    /// The next acts in order of arrival; when there are none, the thread may go to sleep.
    func next(atMost limit: Int) -> [any WaitingAct] {
        state.withLock { state in
            guard !state.acts.isEmpty else {
                state.isServed = false
                return []
            }
            let batch = Array(state.acts.prefix(limit))
            state.acts.removeFirst(batch.count)
            return batch
        }
    }

    var count: Int { state.withLock { $0.acts.count } }
}
