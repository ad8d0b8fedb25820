import CSQLite
import Dispatch
import GRDB
package import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A SQLite file as the store's engine: one group-committing writer, several readers.
package final class SQLiteDatabase: SQLEngine {
    private let writer: WriterLane
    private let readers: [ReaderLane]

    /// - Parameters:
    ///   - path: created when it is missing, with access for its owner alone.
    ///   - commitDelayMilliseconds: waits this long in every commit; shows in a benchmark what a slow disk does.
    package init(path: String, readers: Int = 2, commitDelayMilliseconds: Int = 0) throws {
        _ = Self.isWithoutMemoryFigures
        var configuration = Configuration()
        configuration.label = "denwa"
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            // Of a new file. A login changes a few rows in each of some twenty places and every place is a page to
            // write, so half the usual size is half the bytes.
            try database.execute(sql: "PRAGMA page_size = 2048")
            // A commit is on disk when it returns: in WAL mode that needs FULL, not NORMAL.
            try Self.writeAhead(database)
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // When the log is moved is for Checkpoints to say.
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            try database.execute(sql: "PRAGMA cache_size = -8000")
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        let queue = try Self.openQueue(path, configuration)
        let checkpoints = Checkpoints { [configuration] in try Self.openQueue(path, configuration) }
        writer = WriterLane(queue: queue, checkpoints: checkpoints, commitDelayMilliseconds: commitDelayMilliseconds)

        var reading = Configuration()
        reading.label = "denwa reader"
        reading.readonly = true
        reading.busyMode = .timeout(5)
        reading.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -4000") }
        self.readers = try (0..<max(1, readers)).map { _ in
            ReaderLane(queue: try Self.openQueue(path, reading))
        }
    }

    /// Of the whole process, so once.
    private static let isWithoutMemoryFigures = denwa_sqlite_without_memory_figures() == 0

    /// SQLite does not wait for other processes when a file turns to WAL, so several starts at once at a new file
    /// would fail. Only the first has to turn it.
    private static func writeAhead(_ database: Database) throws {
        for attempt in 1... {
            do {
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                return
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && attempt < 100 {
                usleep(50_000)
            }
        }
    }

    private static func openQueue(_ path: String, _ configuration: Configuration) throws -> DatabaseQueue {
        if !configuration.readonly { makePrivateFile(path) }
        do {
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as DatabaseError {
            throw SQLiteFailure(code: error.extendedResultCode.rawValue)
        }
    }

    package func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        try await writer.run(act)
    }

    package func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        // The least busy reader, roughly: their queues are short.
        let reader = readers.min { $0.waiting < $1.waiting } ?? readers[0]
        return try await reader.run(act)
    }

    /// Moves everything from the write-ahead log into the main file, so that a copy of it is a backup. A failure
    /// loses nothing, since the log is read at the next start.
    package func close() async { await writer.checkpoint() }

    /// One transaction from the first look to the last change: the file's own lock keeps other processes out.
    package func define<Result: Sendable>(
        _ change: @escaping @Sendable (any SQLSchema) async throws -> Result
    ) async throws -> Result {
        try await writer.run { connection in try await change(Schema(connection: connection)) }
    }

    private struct Schema: SQLSchema {
        let connection: any SQLConnection

        func rows(_ statement: SQLStatement) async throws -> [SQLRow] { try await connection.rows(statement) }

        func run(_ statements: [SQLStatement]) async throws {
            for statement in statements { try await connection.run(statement) }
        }

        func build(_ index: SQLIndex) async throws {
            let kind = index.isUnique ? "UNIQUE INDEX" : "INDEX"
            try await connection.run(
                SQLStatement(stringLiteral: "CREATE \(kind) IF NOT EXISTS \(index.name) ON \(index.target)"))
        }
    }
}

private func makePrivateFile(_ path: String) {
    // SQLite makes its other files with the mode of this one. Only a new file is opened here: closing any descriptor
    // of a file drops the locks that this process holds on it (fcntl, POSIX.1).
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if file >= 0 { close(file) }
}
