import PostgresDriver
import Storage
import TestSupport
import Testing
import Time

@Suite(.timeLimit(.minutes(2))) struct OnlineMigrationTests {
    private let index = Migration(name: "9001 index of notes", index: SQLIndex("note_text", on: "note (text)"))

    private func isValid(_ name: String, in database: PostgresDatabase) async throws -> Bool {
        let row = try await database.read { connection in
            try await connection.first(
                """
                SELECT CASE WHEN i.indisvalid THEN 1 ELSE 0 END FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE c.relname = \(name)
                """)
        }
        return try row?.integer(0) == 1
    }

    @Test func `an index is built while others write its table`() async throws {
        try await withNotes { database, _ in
            let gate = Gate()
            let store = SQLStore(engine: database)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await database.write { connection in
                        try await connection.run("INSERT INTO note (id) VALUES (1)")
                        await gate.pass()
                    }
                }
                try await Task.sleep(for: .milliseconds(100))
                group.addTask { [index] in try await store.migrate([index], at: .noon) }
                try await Task.sleep(for: .milliseconds(300))
                // The index waits for the first writer, and nobody waits for the index.
                for id in 2..<10 { try await database.add(id) }
                #expect(try await !isValid("note_text", in: database))
                gate.open()
                try await group.waitForAll()
            }
            #expect(try await isValid("note_text", in: database))
            #expect(try await database.notes().count == 9)
        }
    }

    @Test func `an index that was interrupted is made anew`() async throws {
        try await withNotes { database, _ in
            let unique = Migration(
                name: "9002 one note of a text", index: SQLIndex("note_unique", on: "note (text)", isUnique: true))
            let store = SQLStore(engine: database)
            try await database.add(1, "twice")
            try await database.add(2, "twice")
            await #expect(throws: PostgresFailure.refused(sqlState: "23505")) {
                try await store.migrate([unique], at: .noon)
            }
            _ = try await database.write { connection in try await connection.run("DELETE FROM note WHERE id = 2") }
            try await store.migrate([unique], at: .noon)
            #expect(try await isValid("note_unique", in: database))
            await #expect(throws: PostgresFailure.refused(sqlState: "23505")) { try await database.add(3, "twice") }
        }
    }

    @Test func `a change of a table waits for it in pieces, and lets others through in between`() async throws {
        try await withNotes { database, _ in
            let column = [SQLStatement("ALTER TABLE note ADD COLUMN size BIGINT")]
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await database.write { connection in
                        try await connection.run("INSERT INTO note (id) VALUES (1)")
                        await gate.pass()
                    }
                }
                try await Task.sleep(for: .milliseconds(100))
                group.addTask { try await database.define { schema in try await schema.run(column) } }
                try await Task.sleep(for: .milliseconds(100))
                // Behind the change, which waits two seconds at a time for the first writer.
                try await database.add(2)
                gate.open()
                try await group.waitForAll()
            }
            #expect(try await database.notes() == [1, 2])
        }
    }
}
