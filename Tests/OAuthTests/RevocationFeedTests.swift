import Synchronization
import TestSupport
import Testing

@testable import OAuth

/// The feed on a list of the test's, looked at when the test says so.
@Suite(.timeLimit(.minutes(1))) struct RevocationFeedTests {
    /// Stands for the table.
    private final class List: RevocationStore {
        private struct State {
            var entries: [Revocation] = []
            var looks = 0
            var isBroken = false
        }

        struct Broken: Error {}

        private let state = Mutex(State())

        var looks: Int { state.withLock { $0.looks } }

        func add(_ positions: Int64...) {
            state.withLock { state in
                state.entries += positions.map { Revocation(position: $0, subject: .token("token \($0)")) }
                state.entries.sort { $0.position < $1.position }
            }
        }

        func forget(upTo position: Int64) { state.withLock { $0.entries.removeAll { $0.position <= position } } }
        func breakDown(_ isBroken: Bool) { state.withLock { $0.isBroken = isBroken } }

        func revocationExtent() async throws -> RevocationExtent {
            state.withLock {
                RevocationExtent(oldest: $0.entries.first?.position ?? 0, newest: $0.entries.last?.position ?? 0)
            }
        }

        func revocations(after position: Int64, atMost count: Int) async throws -> [Revocation] {
            try state.withLock { state in
                state.looks += 1
                if state.isBroken { throw Broken() }
                return Array(state.entries.filter { $0.position > position }.prefix(count))
            }
        }
    }

    /// What a listener was handed, position by position; a beat is 0.
    private final class Heard: Sendable {
        private let positions = Mutex<[Int64]>([])

        var all: [Int64] { positions.withLock { $0 } }

        func take(_ entries: [Revocation]) {
            positions.withLock { $0 += entries.isEmpty ? [0] : entries.map(\.position) }
        }

        func wait(for expected: [Int64]) async throws {
            while all.count < expected.count { try await Task.sleep(for: .milliseconds(1)) }
            #expect(all == expected)
        }
    }

    private let list = List()

    private func feed(maximum: Int = 10, overlap: Int64 = 0) -> RevocationFeed {
        RevocationFeed(store: list, maximum: maximum, overlap: overlap)
    }

    /// Follows while `body` runs.
    private func following(
        _ listener: RevocationListener, _ body: (Heard) async throws -> Void
    ) async throws {
        let heard = Heard()
        let task = Task { try await listener.follow { heard.take($0) } }
        defer { task.cancel() }
        try await body(heard)
    }

    @Test func `a new listener begins with what is new`() async throws {
        list.add(1, 2)
        let feed = feed()
        let listener = try #require(try await feed.listen())
        #expect(listener.opening == RevocationListener.Opening(after: nil, in: RevocationExtent(oldest: 1, newest: 2)))
        #expect(listener.opening.position == 2 && listener.opening.reset == nil)
        try await following(listener) { heard in
            list.add(3, 4)
            try await feed.look()
            try await heard.wait(for: [3, 4])
            list.add(5)
            try await feed.look()
            feed.beat()
            try await heard.wait(for: [3, 4, 5, 0])
        }
    }

    @Test func `who comes back gets what it missed, then what is new, each once`() async throws {
        list.add(1, 2, 3)
        let feed = feed()
        let first = try #require(try await feed.listen())
        let second = try #require(try await feed.listen(after: "1"))
        #expect(second.opening.position == 1 && second.opening.reset == nil)
        // New before the second has read anything: it is in its buffer, and in what it missed.
        list.add(4)
        try await feed.look()
        try await following(second) { heard in
            try await heard.wait(for: [2, 3, 4])
            list.add(5)
            try await feed.look()
            try await heard.wait(for: [2, 3, 4, 5])
        }
        try await following(first) { heard in try await heard.wait(for: [4, 5]) }
    }

    static let lost: [(given: String, position: Int64)] = [
        ("0", 0), ("1", 1), ("9", 9), ("-4", -4), ("", 0), ("x", 0), ("99999999999999999999", 0),
    ]

    @Test(arguments: lost)
    func `a position that is not kept is a reset, and it goes on from there`(
        _ row: (given: String, position: Int64)
    ) async throws {
        list.add(1, 2, 3, 4, 5)
        list.forget(upTo: 2)
        let feed = feed()
        let listener = try #require(try await feed.listen(after: row.given))
        #expect(listener.opening.position == row.position)
        #expect(listener.opening.reset == 5)
        try await following(listener) { heard in
            list.add(6)
            try await feed.look()
            try await heard.wait(for: [6])
        }
    }

    @Test func `long absences are read in pages`() async throws {
        for position in 1...1250 { list.add(Int64(position)) }
        let feed = feed()
        let listener = try #require(try await feed.listen(after: "0"))
        try await following(listener) { heard in try await heard.wait(for: Array(1...1250)) }
    }

    @Test func `a look goes on until it has seen everything`() async throws {
        let feed = feed()
        let listener = try #require(try await feed.listen())
        for position in 1...1250 { list.add(Int64(position)) }
        try await following(listener) { heard in
            try await feed.look()
            try await heard.wait(for: Array(1...1250))
        }
    }

    @Test func `nobody is kept by one who does not listen, and that one is cut off`() async throws {
        let feed = feed(maximum: 2)
        let slow = try #require(try await feed.listen())
        let quick = try #require(try await feed.listen())
        try await following(quick) { heard in
            for position in 1...100 {
                list.add(Int64(position))
                try await feed.look()
                try await heard.wait(for: Array(1...Int64(position)))
            }
        }
        await slow.waitForCutOff()
        #expect(try await feed.listen() != nil, "its place is free")
    }

    @Test func `no more listen than may, and whoever leaves makes room`() async throws {
        let feed = feed(maximum: 3)
        var listeners: [RevocationListener] = []
        for _ in 0..<3 { listeners.append(try #require(try await feed.listen())) }
        #expect(try await feed.listen() == nil)
        listeners.removeLast()
        #expect(try await feed.listen() != nil)
        listeners.removeAll()
        #expect(!feed.isListenedTo)
    }

    @Test func `whoever stops following is gone`() async throws {
        let feed = feed()
        let listener = try #require(try await feed.listen())
        try await following(listener) { _ in #expect(feed.isListenedTo) }
        while feed.isListenedTo { try await Task.sleep(for: .milliseconds(1)) }
    }

    @Test func `after a time without listeners it begins where the list is, not where it was`() async throws {
        let feed = feed()
        _ = try await feed.listen()
        for position in 1...100 { list.add(Int64(position)) }
        let listener = try #require(try await feed.listen())
        let looks = list.looks
        try await feed.look()
        #expect(list.looks == looks + 1)
        #expect(listener.opening.position == 100)
    }

    @Test func `a list that cannot be read loses nothing`() async throws {
        let feed = feed()
        let listener = try #require(try await feed.listen())
        try await following(listener) { heard in
            list.add(1)
            try await feed.look()
            // It follows now: a list that cannot be read at first turns a listener away.
            try await heard.wait(for: [1])
            list.add(2)
            list.breakDown(true)
            await #expect(throws: List.Broken.self) { try await feed.look() }
            list.breakDown(false)
            try await feed.look()
            try await heard.wait(for: [1, 2])
        }
    }

    // MARK: - Positions that are committed out of order

    @Test func `what is committed late is told, and nothing twice`() async throws {
        list.add(1, 2, 3)
        let feed = feed(overlap: 5)
        let listener = try #require(try await feed.listen())
        try await following(listener) { heard in
            // Old ones, since nobody knows what will turn up among them.
            try await heard.wait(for: [1, 2, 3])
            list.add(5, 7)
            try await feed.look()
            try await heard.wait(for: [1, 2, 3, 5, 7])
            list.add(4, 6, 8)
            try await feed.look()
            try await feed.look()
            feed.beat()
            try await heard.wait(for: [1, 2, 3, 5, 7, 4, 6, 8, 0])
        }
    }

    @Test func `who comes back hears of what was committed late in between`() async throws {
        list.add(1, 2, 4, 5)
        let feed = feed(overlap: 3)
        list.add(3)
        let listener = try #require(try await feed.listen(after: "5"))
        try await following(listener) { heard in
            // Some are repeated: revoked is revoked.
            try await heard.wait(for: [3, 4, 5])
            list.add(6)
            try await feed.look()
            try await heard.wait(for: [3, 4, 5, 6])
        }
    }

    @Test func `the memory of a cursor does not grow`() {
        var cursor = RevocationCursor(position: 0, overlap: 10)
        let admitted = (1...10_000).filter { position in
            cursor.admits(Revocation(position: Int64(position), subject: .token("")))
        }
        #expect(admitted.count == 10_000)
        #expect(cursor.seen.count == 10)
    }
}
