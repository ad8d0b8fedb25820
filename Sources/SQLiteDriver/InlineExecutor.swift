import Dispatch
import Synchronization

/// Runs asynchronous work to its end on the thread that asks for it.
///
/// An act of the store is an `async` closure, because on PostgreSQL it waits for a socket. On SQLite nothing in
/// it ever waits: its statements run on the database's own thread. This executor keeps the act on that thread,
/// where the connection may be used, without a hop and without blocking the cooperative pool.
final class InlineExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isFinished = false
    }

    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        state.withLock { $0.jobs.append(unowned) }
        wakeUp.signal()
    }

    /// Returns when `work` has ended. Every part of it ran on the calling thread.
    static func run(_ work: @escaping @Sendable () async -> Void) {
        let executor = InlineExecutor()
        Task(executorPreference: executor) {
            await work()
            executor.finish()
        }
        executor.drain()
    }

    private func finish() {
        state.withLock { $0.isFinished = true }
        wakeUp.signal()
    }

    private func drain() {
        while true {
            wakeUp.wait()
            let (jobs, isFinished) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isFinished)
            }
            for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
            if isFinished, jobs.isEmpty { return }
        }
    }
}
