import Foundation
import OAuth
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
