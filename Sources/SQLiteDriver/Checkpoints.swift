import GRDB
import GRDBSQLite
import Synchronization

/// Keeps the write-ahead log short, and the writer's commits hardly waiting for it.
///
/// The log begins anew only when all of it is in the main file, and behind a writer that does not pause no other
/// thread ever gets that far. So a round has two halves: what the log holds is moved on a connection of its own while
/// commits go on, and what those added meanwhile, which is little, the writer moves between two of them.
///
/// A round begins right after a commit, when there is something to move, and by no clock: a checkpoint that starts on a
/// log that is all moved, while a commit begins it anew, is what SQLite before 3.51.3 does not bear
/// (sqlite.org/wal.html#walresetbug).
final class Checkpoints: Sendable {
    private enum Phase { case waiting, moving, moved }

    private struct State {
        var phase = Phase.waiting
        /// In the log, after the last commit.
        var pages = 0
        /// A round begins when the log is that long.
        var due = Checkpoints.limit
    }

    /// 16 MB of 2 KiB pages.
    private static let limit = 8000

    private let open: @Sendable () throws -> DatabaseQueue
    /// Most processes end before they need it.
    private let queue = Mutex<DatabaseQueue?>(nil)
    private let state = Mutex(State())

    /// - Parameter open: gives a connection that can write.
    init(open: @escaping @Sendable () throws -> DatabaseQueue) { self.open = open }

    /// Makes the writer's `connection` say how long the log is. This object must outlive it.
    func listen(to connection: OpaquePointer) {
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        _ = unsafe sqlite3_wal_hook(
            connection,
            { this, _, _, pages in
                guard let this = unsafe this else { return SQLITE_MISUSE }
                unsafe Unmanaged<Checkpoints>.fromOpaque(this).takeUnretainedValue().note(pages: Int(pages))
                return SQLITE_OK
            }, this)
    }

    private func note(pages: Int) {
        state.withLock { state in
            if pages < state.pages { state.due = Self.limit }
            state.pages = pages
        }
    }

    /// For the writer to call between two commits, with its own connection.
    func advance(_ connection: OpaquePointer) {
        let phase = state.withLock { state in
            let phase = state.phase
            switch phase {
            case .waiting: if state.pages >= state.due { state.phase = .moving }
            case .moving: break
            case .moved:
                state.phase = .waiting
                // Unless the log begins anew now, a reader is in its way: try again soon, but not at every commit.
                state.due = max(Self.limit, state.pages + Self.limit / 32)
            }
            return state.phase == phase ? nil : phase
        }
        switch phase {
        case .waiting: moveBeside()
        case .moved: unsafe Self.move(connection)
        case .moving, nil: break
        }
    }

    /// Returns when nothing is being moved; of two checkpoints at a time the second one would fail.
    func settle() { queue.withLock(\.self)?.inDatabase { _ in } }

    private func moveBeside() {
        // Where no connection is to be had, the writer moves all of it.
        guard let queue = try? connected() else { return state.withLock { $0.phase = .moved } }
        queue.asyncWriteWithoutTransaction { [self] database in
            if let connection = unsafe database.sqliteConnection { unsafe Self.move(connection) }
            state.withLock { $0.phase = .moved }
        }
    }

    private func connected() throws -> DatabaseQueue {
        try queue.withLock { queue in
            let connected = try queue ?? open()
            queue = connected
            return connected
        }
    }

    /// Waits for nobody. A failure loses nothing: the log still holds everything, and the next round tries again.
    private static func move(_ connection: OpaquePointer) {
        unsafe sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }
}
