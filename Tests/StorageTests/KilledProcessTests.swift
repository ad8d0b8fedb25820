import DeveloperLog
import Foundation
import OAuth
import RateLimiting
import Storage
import Synchronization
import TestSupport
import Testing
import Time

/// A process that dies without a word, at a moment nobody chose, while many acts are under way.
@Suite struct KilledProcessTests {
    @Test func `what was answered before a kill is there after it, and nothing is there by half`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/denwa.sqlite"
            let file = DatabaseFile(path: path)
            try await file.open().engine.define([
                "CREATE TABLE note (id BIGINT PRIMARY KEY)", "CREATE TABLE shadow (id BIGINT PRIMARY KEY)",
            ])
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let engine = try DatabaseFile(path: path).open().engine
                let diary = try Diary(path: path + ".answered", killsAfter: 300)
                _ = try await race(64) { task in
                    for round in 0..<50 {
                        let id = task * 100 + round
                        try await engine.write { connection in
                            try await connection.run("INSERT INTO note (id) VALUES (\(id))")
                            try await connection.run("INSERT INTO shadow (id) VALUES (\(id))")
                        }
                        diary.write(id)
                    }
                }
            }
            let answered = try Diary.read(path + ".answered")
            #expect(answered.count >= 300)
            let (notes, shadows) = try await file.open().engine.read { connection in
                (
                    try await connection.rows("SELECT id FROM note").map { Int(try $0.integer(0)) },
                    try await connection.rows("SELECT id FROM shadow").map { Int(try $0.integer(0)) }
                )
            }
            #expect(Set(notes).isSuperset(of: answered))
            #expect(Set(notes) == Set(shadows))
        }
    }

    @Test func `a code that was redeemed before a kill is not redeemed again after it`() async throws {
        try await withDatabaseFile { file in
            let store = try file.open()
            _ = try await race(100) { index in
                var login = PhoneLoginFixture()
                login.client = .fixture("game \(index)")
                try await login.signIn(authorizationCode: "code \(index)", on: store)
            }
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = file.path as String] in
                let store = try DatabaseFile(path: path).open()
                let diary = try Diary(path: path + ".answered", killsAfter: 40)
                _ = try await race(100) { index in
                    var client = TokenFixture()
                    client.client = ClientID("game \(index)")
                    guard try await client.redeem("code \(index)", on: store).kind == .redeemed else { return }
                    diary.write(index)
                }
            }
            let answered = try Diary.read(file.path + ".answered")
            #expect(answered.count >= 40)
            let restarted = try file.open()
            for index in 0..<100 {
                var client = TokenFixture()
                client.client = ClientID("game \(index)")
                let kind = try await client.redeem("code \(index)", on: restarted).kind
                #expect(answered.contains(index) ? kind == .replayed : kind == .replayed || kind == .redeemed)
            }
        }
    }
}

@Suite struct SeveralProcessesTests {
    /// POSIX gives up a process' locks on a file when the process closes any descriptor of it. Without its lock a
    /// database looks closed to others, and the next one to close takes the log of its writes away.
    @Test func `a process that opens its database a second time keeps its locks`() async throws {
        try await withTemporaryDirectory { directory in
            let file = DatabaseFile(path: directory + "/denwa.sqlite")
            let first = try file.open().engine
            try await first.define(["CREATE TABLE note (id BIGINT PRIMARY KEY)"])
            let second = try file.open().engine
            await #expect(processExitsWith: .success) { [path = file.path as String] in
                do {
                    let engine = try DatabaseFile(path: path).open().engine
                    try await engine.write { _ = try await $0.run("INSERT INTO note (id) VALUES (1)") }
                }
                // It closes on its own thread.
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(FileManager.default.fileExists(atPath: file.path + "-wal"))
            try await first.write { _ = try await $0.run("INSERT INTO note (id) VALUES (2)") }
            try await second.write { _ = try await $0.run("INSERT INTO note (id) VALUES (3)") }
            await #expect(processExitsWith: .success) { [path = file.path as String] in
                let count = try await DatabaseFile(path: path).open().engine.read { connection in
                    try await connection.rows("SELECT id FROM note").count
                }
                #expect(count == 3)
            }
        }
    }

    @Test func `a limit holds over processes`() async throws {
        try await withDatabaseFile { file in
            let store = try file.open()
            async let other: Void? = #expect(processExitsWith: .success) { [path = file.path as String] in
                try await SeveralProcessesTests.startLogins(on: try DatabaseFile(path: path).open())
            }.map { _ in }
            try await Self.startLogins(on: store)
            _ = await other
            #expect(try await store.count("message") == 7)
            #expect(try await store.log().count == 53)
        }
    }

    /// Thirty logins of one number, of which both processes together may start seven.
    static func startLogins(on store: SQLStore) async throws {
        let login = PhoneLoginFixture()
        let charge = try known(LimitCharge(.sendPerNumber, Limit(count: 7, windowSeconds: 3600), subject: "number"))
        let process = ProcessInfo.processInfo.processIdentifier
        _ = try await race(30) { index in
            let operation = "operation \(index) of \(process)"
            return try await store.start(
                try login.operation(operation), charging: [charge], from: .home, at: .noon)
        }
    }
}

/// What a process was told before it killed itself. Written at once, so it outlives the writer.
private final class Diary: Sendable {
    private struct State {
        let file: FileHandle
        var left: Int
    }

    private let state: Mutex<State>

    init(path: String, killsAfter count: Int) throws {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        state = Mutex(State(file: try FileHandle(forWritingTo: URL(filePath: path)), left: count))
    }

    func write(_ number: Int) {
        state.withLock { state in
            try? state.file.write(contentsOf: Data("\(number)\n".utf8))
            state.left -= 1
            if state.left == 0 { kill(getpid(), SIGKILL) }
        }
    }

    static func read(_ path: String) throws -> Set<Int> {
        let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        return Set(text.split(separator: "\n").compactMap { Int($0) })
    }
}
