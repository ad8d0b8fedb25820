import Storage
import TestSupport
import Testing
import Time

/// What every engine owes the store, whatever the statements are.
@Suite struct SQLEngineTests {
    private struct Refusal: Error, Equatable {}

    private func withEngines(
        on backend: Backend, _ count: Int = 1, _ body: ([any SQLEngine]) async throws -> Void
    ) async throws {
        try await backend.withStores(count) { stores in
            try await stores[0].engine.define([
                "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT, blob BLOB, number BIGINT)"
            ])
            try await body(stores.map(\.engine))
        }
    }

    private func notes(_ engine: any SQLEngine) async throws -> [Int64] {
        try await engine.read { connection in
            try await connection.rows("SELECT id FROM note ORDER BY id").map { try $0.integer(0) }
        }
    }

    private static let values: [SQLValue] = [
        .null(of: nil), .integer(0), .integer(.min), .integer(.max), .text(""), .text("naïve 電話 \u{1F4F1} e\u{301}"),
        .text("NUL\u{0}inside"), .text(String(repeating: "long ", count: 10_000)), .blob([]), .blob([0, 255, 0]),
        .blob([UInt8](repeating: 7, count: 100_000)),
    ]

    @Test(arguments: Backend.allCases, values)
    func `a value comes back as it went in`(on backend: Backend, _ value: SQLValue) async throws {
        try await withEngines(on: backend) { engines in
            let row = try await engines[0].write { connection -> SQLRow? in
                switch value {
                case .null: try await connection.run("INSERT INTO note (id) VALUES (1)")
                case .integer(let number):
                    try await connection.run("INSERT INTO note (id, number) VALUES (1, \(number))")
                case .text(let text): try await connection.run("INSERT INTO note (id, text) VALUES (1, \(text))")
                case .blob(let blob): try await connection.run("INSERT INTO note (id, blob) VALUES (1, \(blob))")
                }
                return try await connection.first("SELECT text, blob, number FROM note WHERE id = 1")
            }
            let found = try known(row)
            switch value {
            case .null: #expect(try found.optionalText(0) == nil)
            case .integer(let number): #expect(try found.integer(2) == number)
            case .text(let text): #expect(Array(try found.text(0).utf8) == Array(text.utf8))
            case .blob(let blob): #expect(try found.blob(1) == blob)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a statement tells how many rows it changed`(on backend: Backend) async throws {
        try await withEngines(on: backend) { engines in
            let counts = try await engines[0].write { connection in
                [
                    try await connection.run("INSERT INTO note (id) VALUES (1), (2), (3)"),
                    try await connection.run("INSERT INTO note (id) VALUES (3) ON CONFLICT (id) DO NOTHING"),
                    try await connection.run("UPDATE note SET number = 5 WHERE id > 1"),
                    try await connection.run("UPDATE note SET number = 5 WHERE id > 100"),
                    try await connection.run("DELETE FROM note"),
                ]
            }
            #expect(counts == [3, 0, 2, 0, 3])
        }
    }

    @Test(arguments: Backend.allCases)
    func `an act that throws leaves nothing, and its error is its caller's`(on backend: Backend) async throws {
        try await withEngines(on: backend) { engines in
            await #expect(throws: Refusal()) {
                try await engines[0].write { connection in
                    try await connection.run("INSERT INTO note (id) VALUES (1)")
                    throw Refusal()
                }
            }
            let notes = try await notes(engines[0])
            #expect(notes == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `acts that fail do no harm to those that run beside them`(on backend: Backend) async throws {
        try await withEngines(on: backend, 2) { engines in
            try await engines[0].write { _ = try await $0.run("INSERT INTO note (id) VALUES (-1)") }
            let outcomes = try await race(120) { index -> Bool in
                do {
                    try await engines.turn(index).write { connection in
                        try await connection.run("INSERT INTO note (id) VALUES (\(index))")
                        switch index % 4 {
                        case 0: throw Refusal()
                        // A broken constraint, and a broken statement.
                        case 1: try await connection.run("INSERT INTO note (id) VALUES (-1)")
                        case 2: try await connection.run("INSERT INTO nothing (id) VALUES (1)")
                        default: break
                        }
                    }
                    return true
                } catch {
                    return false
                }
            }
            #expect(outcomes.count { $0 } == 30)
            #expect(try await notes(engines[0]) == [-1] + (0..<120).filter { $0 % 4 == 3 }.map(Int64.init))
        }
    }

    @Test(arguments: Backend.allCases)
    func `an act whose caller went away is done whole or not at all`(on backend: Backend) async throws {
        try await withEngines(on: backend) { engines in
            let callers = (0..<50).map { id in
                Task {
                    try await engines[0].write { connection in
                        try await connection.run("INSERT INTO note (id) VALUES (\(id))")
                        try await connection.run("INSERT INTO note (id) VALUES (\(id + 1000))")
                    }
                }
            }
            for caller in callers { caller.cancel() }
            for caller in callers { _ = await caller.result }
            let notes = try await notes(engines[0])
            #expect(notes.filter { $0 < 1000 }.map { $0 + 1000 } == notes.filter { $0 >= 1000 })
        }
    }

    @Test(arguments: Backend.allCases)
    func `no update is lost between engines`(on backend: Backend) async throws {
        try await withEngines(on: backend, 4) { engines in
            try await engines[0].write { _ = try await $0.run("INSERT INTO note (id, number) VALUES (1, 0)") }
            let seen = try await race(200) { index in
                try await engines.turn(index).write { connection in
                    try await connection.first("UPDATE note SET number = number + 1 WHERE id = 1 RETURNING number")?
                        .integer(0)
                }
            }
            #expect(Set(seen) == Set((1...200).map { Int64($0) }))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a read sees everything that was answered before, on every engine`(on backend: Backend) async throws {
        try await withEngines(on: backend, 3) { engines in
            let missing = try await race(30) { task in
                var missing = 0
                for round in 0..<5 {
                    let id = Int64(task * 100 + round)
                    try await engines.turn(task).write { _ = try await $0.run("INSERT INTO note (id) VALUES (\(id))") }
                    let row = try await engines.turn(task + 1).read {
                        try await $0.first("SELECT 1 FROM note WHERE id = \(id)")
                    }
                    if row == nil { missing += 1 }
                }
                return missing
            }
            #expect(missing.reduce(0, +) == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `one reading act sees one moment`(on backend: Backend) async throws {
        try await withEngines(on: backend, 2) { engines in
            let (hasRead, mayReadAgain) = (Gate(), Gate())
            async let counts = engines[0].read { connection in
                let before = try await connection.rows("SELECT id FROM note").count
                hasRead.open()
                await mayReadAgain.pass()
                return [before, try await connection.rows("SELECT id FROM note").count]
            }
            await hasRead.pass()
            for engine in engines {
                try await engine.write { connection in
                    _ = try await connection.run("INSERT INTO note (id) SELECT COALESCE(MAX(id), 0) + 1 FROM note")
                }
            }
            mayReadAgain.open()
            #expect(try await counts == [0, 0])
            #expect(try await notes(engines[0]) == [1, 2])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a reading act cannot write`(on backend: Backend) async throws {
        try await withEngines(on: backend) { engines in
            await #expect(throws: (any Error).self) {
                try await engines[0].read { _ = try await $0.run("INSERT INTO note (id) VALUES (1)") }
            }
            let notes = try await notes(engines[0])
            #expect(notes == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a read that throws leaves its connection good`(on backend: Backend) async throws {
        try await withEngines(on: backend) { engines in
            for _ in 0..<10 {
                await #expect(throws: Refusal()) { try await engines[0].read { _ in throw Refusal() } }
                await #expect(throws: (any Error).self) {
                    _ = try await engines[0].read { try await $0.rows("SELECT nothing FROM nowhere") }
                }
                let notes = try await notes(engines[0])
                #expect(notes == [])
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a definition is done whole or not at all`(on backend: Backend) async throws {
        try await withEngines(on: backend) { engines in
            await #expect(throws: (any Error).self) {
                try await engines[0].define(["CREATE TABLE other (id BIGINT)", "CREATE TABLE note (id BIGINT)"])
            }
            let tables = try await engines[0].write { connection in
                try await connection.run("CREATE TABLE IF NOT EXISTS other (id BIGINT, made_later BIGINT)")
                return try await connection.rows("SELECT made_later FROM other").count
            }
            #expect(tables == 0)
        }
    }
}
