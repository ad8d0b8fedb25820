import PostgresDriver
import Storage
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct PoolTests {
    @Test func `acts that find every connection busy are served in the order in which they came`() async throws {
        try await withNotes(connections: 1) { database, _ in
            let order = Order()
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await database.write { _ in await gate.pass() }
                }
                try await Task.sleep(for: .milliseconds(50))
                for index in 0..<10 {
                    group.addTask {
                        try await database.write { _ in order.add(index) }
                    }
                    try await Task.sleep(for: .milliseconds(10))
                }
                gate.open()
                try await group.waitForAll()
            }
            #expect(order.numbers == Array(0..<10))
        }
    }

    @Test func `whoever waits too long is refused, and those after it are served`() async throws {
        try await withNotes(connections: 1, { $0.wait = .milliseconds(200) }) { database, _ in
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await database.write { _ in await gate.pass() } }
                try await Task.sleep(for: .milliseconds(50))
                await #expect(throws: PostgresFailure.overloaded) { try await database.add(1) }
                gate.open()
                try await group.waitForAll()
            }
            try await database.add(2)
            #expect(try await database.notes() == [2])
        }
    }

    @Test func `a request that is given up leaves the queue, and its statement the server`() async throws {
        try await withNotes(connections: 1) { database, _ in
            let start = ContinuousClock.now
            let running = Task { try await database.sleep(seconds: 30) }
            try await Task.sleep(for: .milliseconds(100))
            let waiting = Task { try await database.add(1) }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            // The one connection is fit for others, and no cancellation meets them.
            for id in 2..<30 { try await database.add(id) }
            #expect(try await database.notes().count == 28)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test func `a statement that takes too long is given up`() async throws {
        try await withNotes(connections: 1, { $0.statementTimeout = .milliseconds(200) }) { database, _ in
            await #expect(throws: PostgresFailure.refused(sqlState: "57014")) { try await database.sleep(seconds: 30) }
            try await database.add(1)
        }
    }

    @Test func `a statement does not wait for a row for ever`() async throws {
        try await withNotes(connections: 2, { $0.lockTimeout = .milliseconds(200) }) { database, _ in
            try await database.add(1)
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await database.write { connection in
                        try await connection.run("UPDATE note SET text = 'held' WHERE id = 1")
                        await gate.pass()
                    }
                }
                try await Task.sleep(for: .milliseconds(100))
                await #expect(throws: PostgresFailure.refused(sqlState: "55P03")) {
                    try await database.write { connection in
                        try await connection.run("UPDATE note SET text = 'mine' WHERE id = 1")
                    }
                }
                gate.open()
                try await group.waitForAll()
            }
        }
    }

    @Test func `a database that is away is found out at once, and used when it is back`() async throws {
        try await withNotes { _, settings in
            // Nobody is there, so that connecting fails like a server that is down.
            let away = try #require(PostgresSettings(url: "postgres://denwa@127.0.0.1:1/denwa"))
            let database = PostgresDatabase(away)
            for _ in 0..<3 {
                await #expect(throws: PostgresFailure.unreachable) { try await database.notes() }
            }
            await database.close()
        }
    }

    @Test func `a place is told without its secrets`() throws {
        let settings = try #require(
            PostgresSettings(url: "postgres://denwa:s3cret@db1:5432,db2:5433/accounts?target_session_attrs=read-write"))
        #expect(settings.place == "db1:5432,db2:5433/accounts")
        #expect(PostgresSettings(url: "postgres://db1:port/accounts?colour=blue") == nil)
        #expect(PostgresSettings(url: "mysql://db1/accounts") == nil)
    }
}

private final class Order: Sendable {
    private let state = Mutex<[Int]>([])

    var numbers: [Int] { state.withLock { $0 } }

    func add(_ number: Int) { state.withLock { $0.append(number) } }
}
