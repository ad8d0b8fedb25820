package import DeveloperLog
package import Storage

/// Looks where no act looks. Written in the SQL that both engines share.
extension SQLStore {
    package func count(_ table: String, where condition: String = "1 = 1") async throws -> Int {
        let statement = SQLStatement(stringLiteral: "SELECT COUNT(*) FROM \(table) WHERE \(condition)")
        return try await engine.read { connection in
            try await connection.first(statement).map { Int(try $0.integer(0)) } ?? 0
        }
    }

    package func run(_ statement: SQLStatement) async throws {
        try await engine.write { connection in _ = try await connection.run(statement) }
    }

    /// The developer log, oldest first.
    package func log() async throws -> [SecurityEvent] {
        var everything = SecurityEventFilter()
        everything.limit = 10_000
        return try await events(matching: everything).map(\.event)
    }
}
