import PostgresDriver
import Storage
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ConnectionTests {
    @Test func `statements are prepared once, and many of them do no harm`() async throws {
        try await withNotes(connections: 1) { database, _ in
            for length in 1...1200 {
                let numbers = [Int](repeating: 7, count: length)
                for _ in 0..<2 {
                    let row = try await database.read { connection in
                        try await connection.first("SELECT COUNT(*) FROM note WHERE id IN \(list: numbers)")
                    }
                    #expect(try known(row).integer(0) == 0)
                }
            }
            let prepared = try await database.read { connection in
                try await connection.first("SELECT COUNT(*) FROM pg_prepared_statements WHERE name LIKE 'denwa%'")
            }
            #expect((900...1000).contains(try known(prepared).integer(0)))
        }
    }

    @Test func `a statement that nobody waits for fails its act, and the connection goes on`() async throws {
        try await withNotes(connections: 1) { database, _ in
            try await database.add(1)
            await #expect(throws: PostgresFailure.refused(sqlState: "23505")) {
                try await database.write { connection in
                    try await connection.send("INSERT INTO note (id) VALUES (2)")
                    try await connection.send("INSERT INTO note (id) VALUES (1)")
                    try await connection.send("INSERT INTO note (id) VALUES (3)")
                }
            }
            #expect(try await database.notes() == [1])
        }
    }

    @Test func `an error says what kind it is and holds no value`() async throws {
        try await withNotes { database, _ in
            try await database.add(1, "a secret")
            let failure = await #expect(throws: PostgresFailure.self) { try await database.add(1, "a secret") }
            #expect("\(known: failure)".contains("23505"))
            #expect(!"\(known: failure)".contains("secret"))
        }
    }

    @Test func `a large value travels both ways`() async throws {
        try await withNotes { database, _ in
            let text = String(repeating: "0123456789", count: 400_000)
            try await database.add(1, text)
            let row = try await database.read { connection in try await connection.first("SELECT text FROM note") }
            #expect(try known(row).text(0) == text)
        }
    }

    @Test func `an act that a lost connection interrupted runs again, and its changes are there once`() async throws {
        try await withNotes { database, settings in
            let runs = Runs()
            try await database.write { connection in
                let run = runs.next()
                try await connection.run("INSERT INTO note (id) VALUES (\(run))")
                if run == 1 { try await PostgresServer.shared.cutConnections(to: settings) }
                try await connection.run("INSERT INTO note (id) VALUES (\(100 + run))")
            }
            #expect(try await database.notes() == [2, 102])
        }
    }

    @Test func `connections that ended while nobody used them are not handed out`() async throws {
        try await withNotes { database, settings in
            for round in 1...5 {
                _ = try await race(4) { try await database.add(round * 10 + $0) }
                try await PostgresServer.shared.cutConnections(to: settings)
            }
            #expect(try await database.notes().count == 20)
        }
    }

    @Test func `of acts that block each other one runs again, and all of them succeed`() async throws {
        try await withNotes { database, _ in
            try await database.add(1)
            try await database.add(2)
            _ = try await race(2) { index in
                let order = index == 0 ? [1, 2] : [2, 1]
                try await database.write { connection in
                    for id in order {
                        try await connection.run("UPDATE note SET text = text || '+' WHERE id = \(id)")
                        try await Task.sleep(for: .milliseconds(50))
                    }
                }
            }
            let row = try await database.read { connection in
                try await connection.first("SELECT MIN(text), MAX(text) FROM note")
            }
            #expect(try known(row).text(0) == "++")
            #expect(try known(row).text(1) == "++")
        }
    }

    @Test func `acts that name the same key come one after another`() async throws {
        try await withNotes(connections: 8) { database, _ in
            try await database.add(0, "0")
            _ = try await race(24) { _ in
                try await database.write { connection in
                    try await connection.lock(7)
                    // Found and updated, which only the lock makes safe.
                    let row = try await connection.first("SELECT text FROM note WHERE id = 0")
                    let count = Int(try known(row).text(0)) ?? 0
                    try await connection.run("UPDATE note SET text = \("\(count + 1)") WHERE id = 0")
                }
            }
            let row = try await database.read { connection in try await connection.first("SELECT text FROM note") }
            #expect(try known(row).text(0) == "24")
        }
    }

    @Test func `what concludes an act is numbered in the order in which it becomes visible`() async throws {
        try await withNotes(connections: 8) { database, _ in
            try await database.define([
                "CREATE TABLE entry (position INTEGER PRIMARY KEY AUTOINCREMENT, writer BIGINT NOT NULL)"
            ])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try await race(8) { writer in
                        for _ in 0..<20 {
                            try await database.write { connection in
                                try await connection.conclude(
                                    "INSERT INTO entry (writer) VALUES (\(writer))", under: 9)
                            }
                        }
                    }
                }
                group.addTask {
                    var seen: Int64 = 0
                    while seen < 160 {
                        let row = try await database.read { connection in
                            try await connection.first("SELECT COUNT(*), COALESCE(MAX(position), 0) FROM entry")
                        }
                        // None below the newest is missing, ever.
                        #expect(try known(row).integer(0) == known(row).integer(1))
                        seen = try known(row).integer(0)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `the first of several hosts that takes writes is used`() async throws {
        try await withNotes { _, settings in
            let hosts = settings.url.replacing("host=", with: "host=/nowhere,")
            let database = PostgresDatabase(try #require(PostgresSettings(url: hosts)))
            try await database.add(5)
            #expect(try await database.notes() == [5])
            await database.close()
        }
    }

    @Test func `TLS is libpq's: a certificate is checked when the URI says so`() async throws {
        try await withNotes { _, settings in
            let server = try await PostgresServer.shared
            let trusting = "sslmode=verify-full&sslrootcert=\(server.certificateFile)"
            let database = PostgresDatabase(try #require(server.overLoopback(settings, trusting)))
            let row = try await database.read { connection in
                try await connection.first(
                    "SELECT CASE WHEN ssl THEN 1 ELSE 0 END FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            }
            #expect(try known(row).integer(0) == 1)
            await database.close()

            let distrusting = try #require(server.overLoopback(settings, "sslmode=verify-full&sslrootcert=/dev/null"))
            await #expect(throws: PostgresFailure.unreachable) { try await PostgresDatabase(distrusting).notes() }
            #expect(await distrusting.problem() != nil)
        }
    }
}

extension DefaultStringInterpolation {
    fileprivate mutating func appendInterpolation(known failure: PostgresFailure?) {
        appendLiteral(failure.map { "\($0)" } ?? "none")
    }
}

private final class Runs: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

struct Missing: Error {}

func known<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
}
