import GRDB
import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The one writer of a database. Acts that arrive while a commit is on its way to the disk share the next
/// transaction: a disk that needs five milliseconds a commit still takes thousands of acts a second, and every act
/// is answered only when it is on disk. When one of them throws, all of them run again, each in a savepoint of its
/// own.
final class WriterLane: Sendable {
    private let statements = PreparedStatements()
    private let queue: DatabaseQueue
    private let checkpoints: Checkpoints
    private let room = WaitingRoom()
    private let commitDelayMilliseconds: Int

    /// Bounds how long the last act of a batch waits for the first.
    private static let batchLimit = 256

    init(queue: DatabaseQueue, checkpoints: Checkpoints, commitDelayMilliseconds: Int) {
        self.queue = queue
        self.checkpoints = checkpoints
        self.commitDelayMilliseconds = commitDelayMilliseconds
        queue.inDatabase { database in
            if let connection = unsafe database.sqliteConnection { unsafe checkpoints.listen(to: connection) }
        }
    }

    func run<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            if room.add(PendingAct(act, continuation)) { wake() }
        }
    }

    func checkpoint() async {
        await withCheckedContinuation { continuation in
            queue.asyncWriteWithoutTransaction { [checkpoints] database in
                checkpoints.settle()
                try? database.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                continuation.resume()
            }
        }
    }

    private func wake() {
        queue.asyncWriteWithoutTransaction { [room, statements, checkpoints, commitDelayMilliseconds] database in
            // Used only inside this block, on the database's own thread; the executor never leaves it.
            nonisolated(unsafe) let database = database
            InlineExecutor.run {
                let connection = unsafe SQLiteConnection(database: database, statements: statements)
                while true {
                    let batch = room.next(atMost: Self.batchLimit)
                    guard !batch.isEmpty else { return }
                    await Self.commit(batch, connection, delay: commitDelayMilliseconds)
                    if let handle = unsafe database.sqliteConnection { unsafe checkpoints.advance(handle) }
                }
            }
        }
    }

    private static func commit(_ batch: [any WaitingAct], _ connection: SQLiteConnection, delay: Int) async {
        do {
            try await begin(batch, connection)
            if delay > 0 { usleep(UInt32(delay) * 1000) }
            try await connection.run("COMMIT")
        } catch {
            // Nothing of the batch is on disk, so none of it may be answered.
            _ = try? await connection.run("ROLLBACK")
            for act in batch { act.fail(error) }
            return
        }
        for act in batch { act.answer() }
    }

    /// A savepoint keeps a copy of every page that its act changes, and hardly any act throws: so the first try goes
    /// without.
    private static func begin(_ batch: [any WaitingAct], _ connection: SQLiteConnection) async throws {
        try await connection.run("BEGIN IMMEDIATE")
        do {
            for act in batch { try await act.perform(connection) }
        } catch {
            _ = try? await connection.run("ROLLBACK")
            try await connection.run("BEGIN IMMEDIATE")
            for act in batch { try await perform(act, connection) }
        }
    }

    /// An act that throws takes only its own changes back; the error is its caller's.
    private static func perform(_ act: any WaitingAct, _ connection: SQLiteConnection) async throws {
        try await connection.run("SAVEPOINT act")
        do {
            try await act.perform(connection)
        } catch let failure {
            // A full disk may have rolled back everything already; then the act's own error says why.
            do { try await connection.run("ROLLBACK TO act") } catch { throw failure }
        }
        try await connection.run("RELEASE act")
    }
}
