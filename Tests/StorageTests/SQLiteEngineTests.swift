import Foundation
import Storage
import TestSupport
import Testing
import Time

@testable import SQLiteDriver

/// What only a SQLite file can go through.
@Suite struct SQLiteEngineTests {
    private static let busy: Int32 = 5
    private static let full: Int32 = 13
    private static let notADatabase: Int32 = 26

    private func withFile(_ body: (DatabaseFile) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let file = DatabaseFile(path: directory + "/denwa.sqlite")
            try await file.open().engine.define(["CREATE TABLE note (id BIGINT PRIMARY KEY, blob BLOB)"])
            try await body(file)
        }
    }

    private func insert(_ id: Int, into engine: any SQLEngine) async throws {
        try await engine.write { _ = try await $0.run("INSERT INTO note (id) VALUES (\(id))") }
    }

    private func notes(_ engine: any SQLEngine) async throws -> [Int64] {
        try await engine.read { connection in
            try await connection.rows("SELECT id FROM note ORDER BY id").map { try $0.integer(0) }
        }
    }

    @Test(arguments: [0, 5])
    func `acts that wait for the same commit share it, and none is answered before it`(
        _ commitDelayMilliseconds: Int
    ) async throws {
        try await withFile { file in
            let engine = try file.open(commitDelayMilliseconds: commitDelayMilliseconds).engine
            let bystander = try file.open().engine
            let answered = Tally()
            let (isHeld, mayGoOn) = (Gate(), Gate())

            try await withThrowingTaskGroup { group in
                // Holds the writer while the others line up behind it: an immediate task has its act in the line
                // when the call returns.
                let (holds, goesOn) = (Gate(), Gate())
                group.addImmediateTask {
                    try await engine.write { _ in
                        holds.open()
                        await goesOn.pass()
                    }
                }
                await holds.pass()
                for id in 0..<64 {
                    group.addImmediateTask {
                        try await engine.write { _ = try await $0.run("INSERT INTO note (id) VALUES (\(id))") }
                        answered.add()
                    }
                }
                // Last in the line, it looks around before the commit.
                group.addImmediateTask {
                    let seen = try await engine.write { connection in
                        isHeld.open()
                        await mayGoOn.pass()
                        return try await connection.rows("SELECT id FROM note").count
                    }
                    #expect(seen == 64, "they all ran in this act's transaction")
                }
                goesOn.open()
                await isHeld.pass()
                #expect(answered.count == 0)
                #expect(try await notes(bystander) == [])
                mayGoOn.open()
                try await group.waitForAll()
            }
            #expect(answered.count == 64)
            #expect(try await notes(bystander).count == 64)
        }
    }

    @Test func `a file that another process holds locked costs an error and nothing else`() async throws {
        try await withFile { file in
            let (holder, engine) = (try file.open().engine, try file.open().engine)
            // The server waits for seconds before it gives up; a test does not.
            try await engine.write { _ = try await $0.run("PRAGMA busy_timeout = 20") }
            try await insert(1, into: engine)

            let (holds, mayGoOn) = (Gate(), Gate())
            async let other: Void = holder.write { connection in
                try await connection.run("INSERT INTO note (id) VALUES (2)")
                holds.open()
                await mayGoOn.pass()
            }
            await holds.pass()
            for id in 10..<13 {
                await #expect(throws: SQLiteFailure(code: Self.busy)) { try await insert(id, into: engine) }
            }
            #expect(try await notes(engine) == [1], "reading needs no lock")
            mayGoOn.open()
            try await other
            try await insert(3, into: engine)
            #expect(try await notes(holder) == [1, 2, 3])
            #expect(SQLiteFailure(code: Self.busy).isTransient)
        }
    }

    @Test func `a full disk costs an error and nothing that was answered`() async throws {
        try await withFile { file in
            let engine = try file.open().engine
            try await engine.write { connection in
                let pages = try await connection.first("PRAGMA page_count")?.integer(0) ?? 0
                // A pragma takes no bound value.
                try await connection.run(SQLStatement(stringLiteral: "PRAGMA max_page_count = \(pages + 20)"))
            }
            let blob = [UInt8](repeating: 1, count: 10_000)
            let answered = try await race(40) { id -> Int64? in
                do {
                    try await engine.write { connection in
                        _ = try await connection.run("INSERT INTO note (id, blob) VALUES (\(id), \(blob))")
                    }
                    return Int64(id)
                } catch {
                    #expect(error as? SQLiteFailure == SQLiteFailure(code: Self.full))
                    return nil
                }
            }
            #expect(answered.contains(nil))
            #expect(try await notes(engine) == answered.compactMap(\.self).sorted())

            try await engine.write { _ = try await $0.run("PRAGMA max_page_count = 100000") }
            try await insert(1000, into: engine)
            #expect(try await notes(try file.open().engine) == answered.compactMap(\.self).sorted() + [1000])
        }
    }

    @Test func `the write-ahead log stays short behind writers that do not pause`() async throws {
        try await withFile { file in
            let engine = try file.open().engine
            let blob = [UInt8](repeating: 1, count: 16_000)
            let (writers, each) = (16, 400)
            _ = try await race(writers) { writer in
                for id in (writer * each)..<((writer + 1) * each) {
                    try await engine.write {
                        _ = try await $0.run("INSERT INTO note (id, blob) VALUES (\(id), \(blob))")
                    }
                }
            }
            // They wrote 100 MB; a round begins at 16, and ends some commits later.
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path + "-wal")
            #expect(try #require(attributes[.size] as? Int) < 50_000_000)
            #expect(try await notes(engine).count == writers * each)

            await engine.close()
            try FileManager.default.copyItem(atPath: file.path, toPath: file.path + ".copy")
            let copy = try DatabaseFile(path: file.path + ".copy").open().engine
            #expect(try await notes(copy).count == writers * each, "after a close the main file holds everything")
        }
    }

    @Test func `a new file is its owner's alone`() async throws {
        try await withFile { file in
            let engine = try file.open().engine
            try await insert(1, into: engine)
            for suffix in ["", "-wal", "-shm"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: file.path + suffix)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "of \(suffix)")
            }
        }
    }

    @Test func `a file that is no database is refused, and not touched`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/notes.txt"
            let text = Data(String(repeating: "This is not a database. ", count: 100).utf8)
            try text.write(to: URL(filePath: path))
            #expect(throws: SQLiteFailure(code: Self.notADatabase)) { try DatabaseFile(path: path).open() }
            #expect(try Data(contentsOf: URL(filePath: path)) == text)
        }
    }

    @Test func `a folder that is missing is an error`() async throws {
        await #expect(throws: SQLiteFailure.self) {
            try await withTemporaryDirectory { try DatabaseFile(path: $0 + "/missing/denwa.sqlite").open() }
        }
    }
}
