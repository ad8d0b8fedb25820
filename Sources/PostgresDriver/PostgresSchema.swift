import Storage

/// A connection that changes the schema: one process of all at a time, and never in the way of those who use it.
struct PostgresSchema: SQLSchema {
    let connection: PostgresConnection

    /// Any number will do, as long as every version has the same.
    private static let lock: Int64 = 0x6465_6e77_61
    /// A change that waits for a table makes everybody wait who comes after it, so it waits for so long at a time.
    private static let lockTimeout = "2s"
    private static let attempts = 60
    private static let pause = Duration.milliseconds(500)

    /// Runs `body` under the lock of all migrations. The connection ends with it, and takes lock and settings along.
    func change<Result: Sendable>(
        _ body: @Sendable (any SQLSchema) async throws -> Result
    ) async throws -> Result {
        do {
            try await prepare()
            let result = try await body(self)
            await connection.retire()
            return result
        } catch {
            await connection.retire()
            throw error
        }
    }

    private func prepare() async throws {
        await connection.waitForEver()
        try await connection.runAlone("SET statement_timeout = 0")
        try await connection.runAlone("SET idle_in_transaction_session_timeout = 0")
        // Asked again and again: an index that is built meanwhile waits for every statement that runs, and one that
        // waited for the lock would never end.
        while try await connection.runAlone("SELECT pg_try_advisory_lock(\(Self.lock))::int").first?.integer(0) != 1 {
            try await Task.sleep(for: Self.pause)
        }
        try await connection.runAlone(SQLStatement(stringLiteral: "SET lock_timeout = '\(Self.lockTimeout)'"))
    }

    func rows(_ statement: SQLStatement) async throws -> [SQLRow] { try await connection.runAlone(statement) }

    func run(_ statements: [SQLStatement]) async throws {
        let statements = statements.map(DataDefinition.translated)
        for attempt in 1... {
            do {
                try await connection.write { connection in
                    for statement in statements { try await connection.send(statement) }
                }
                return
            } catch let failure as PostgresFailure where failure == .lockNotAvailable && attempt < Self.attempts {
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    func build(_ index: SQLIndex) async throws {
        // One that was interrupted is left behind, and of no use.
        let isThere = try await rows(
            """
            SELECT CASE WHEN i.indisvalid THEN 1 ELSE 0 END FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
            WHERE c.relname = \(index.name) AND pg_table_is_visible(c.oid)
            """
        ).first?.integer(0)
        if isThere == 1 { return }
        if isThere == 0 {
            try await connection.runAlone(SQLStatement(stringLiteral: "DROP INDEX CONCURRENTLY \(index.name)"))
        }
        // Waits for whoever began before it; nobody waits for it.
        try await connection.runAlone("SET lock_timeout = 0")
        let kind = index.isUnique ? "UNIQUE INDEX" : "INDEX"
        try await connection.runAlone(
            SQLStatement(stringLiteral: "CREATE \(kind) CONCURRENTLY \(index.name) ON \(index.target)"))
        try await connection.runAlone(SQLStatement(stringLiteral: "SET lock_timeout = '\(Self.lockTimeout)'"))
    }
}
