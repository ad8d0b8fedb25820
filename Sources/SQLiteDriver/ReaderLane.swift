import GRDB
import Storage

/// One reading connection. Acts that wait together share one snapshot, which is taken after all of them arrived,
/// so each sees everything that was answered before it asked.
final class ReaderLane: Sendable {
    private let statements = PreparedStatements()
    private let queue: DatabaseQueue
    private let room = WaitingRoom()

    private static let batchLimit = 64

    init(queue: DatabaseQueue) { self.queue = queue }

    var waiting: Int { room.count }

    func run<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            if room.add(PendingAct(act, continuation)) { wake() }
        }
    }

    private func wake() {
        queue.asyncWriteWithoutTransaction { [room, statements] database in
            // Used only inside this block, on the database's own thread; the executor never leaves it.
            nonisolated(unsafe) let database = database
            InlineExecutor.run {
                let connection = unsafe SQLiteConnection(database: database, statements: statements)
                while true {
                    let batch = room.next(atMost: Self.batchLimit)
                    guard !batch.isEmpty else { return }
                    await Self.serve(batch, connection)
                }
            }
        }
    }

    private static func serve(_ batch: [any WaitingAct], _ connection: SQLiteConnection) async {
        do {
            try await connection.run("BEGIN")
        } catch {
            for act in batch { act.fail(error) }
            return
        }
        for act in batch {
            _ = try? await act.perform(connection)
            act.answer()
        }
        // Ends the snapshot; it has nothing to lose.
        _ = try? await connection.run("COMMIT")
    }
}
