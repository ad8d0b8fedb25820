import PostgresDriver
import Storage
import TestSupport

/// A database with one table, `note (id, text)`.
func withNotes(
    connections: Int = 4, _ configure: (inout PostgresSettings) -> Void = { _ in },
    _ body: (PostgresDatabase, PostgresSettings) async throws -> Void
) async throws {
    try await PostgresServer.shared.withEmptyDatabase { settings in
        var settings = settings
        settings.connections = connections
        configure(&settings)
        let database = PostgresDatabase(settings)
        try await database.define(["CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)"])
        try await body(database, settings)
        await database.close()
    }
}

extension SQLEngine {
    func add(_ id: Int, _ text: String = "") async throws {
        _ = try await write { connection in
            try await connection.run("INSERT INTO note (id, text) VALUES (\(id), \(text))")
        }
    }

    func notes() async throws -> [Int64] {
        try await read { connection in
            try await connection.rows("SELECT id FROM note ORDER BY id").map { try $0.integer(0) }
        }
    }

    func sleep(seconds: Int) async throws {
        try await read { connection in _ = try await connection.rows(.sleep(seconds)) }
    }
}

extension SQLStatement {
    static func sleep(_ seconds: Int) -> Self {
        SQLStatement(stringLiteral: "SELECT pg_sleep(\(seconds))::text")
    }
}
