import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct SecurityEventTests {
    private func event(
        _ kind: SecurityEvent.Kind, _ second: Int, request: String = "request-1", client: String? = nil,
        phone: String? = nil, rule: String? = nil
    ) -> SecurityEvent {
        SecurityEvent(
            kind, at: .noon.adding(seconds: second), origin: RequestOrigin(requestID: request, address: "192.0.2.1"),
            clientID: client, phone: phone, rule: rule, reason: "a reason")
    }

    @Test(arguments: Backend.allCases, SecurityEvent.Kind.allCases)
    func `every kind of event is read back as it was written`(
        on backend: Backend, _ kind: SecurityEvent.Kind
    ) async throws {
        try await backend.withStore { store in
            let full = SecurityEvent(
                kind, at: .noon, origin: .home, clientID: "game", phone: "+8190****5678", rule: "sendPerIP",
                reason: "a reason", retryAfterSeconds: 7)
            let bare = SecurityEvent(kind, at: .noon, origin: .home, reason: "a reason")
            try await store.record(full)
            try await store.record(bare)
            #expect(try await store.log() == [full, bare])
        }
    }

    static let filters: [(name: String, set: @Sendable (inout SecurityEventFilter) -> Void, found: [Int])] = [
        ("none", { _ in }, [0, 1, 2, 3, 4]),
        ("since", { $0.since = .noon.adding(seconds: 2) }, [2, 3, 4]),
        ("since, between two", { $0.since = .noon.adding(milliseconds: 1001) }, [2, 3, 4]),
        ("kind", { $0.kind = "guess.wrong" }, [1, 3]),
        ("client", { $0.clientID = "game" }, [1, 2]),
        ("a client nobody has", { $0.clientID = "gam" }, []),
        ("last digits", { $0.phoneSuffix = "5678" }, [1, 4]),
        ("masked number", { $0.phoneSuffix = "+8190****5678" }, [1]),
        ("a wildcard is no wildcard", { $0.phoneSuffix = "5_78" }, []),
        ("a wildcard alone finds no number that it does not end", { $0.phoneSuffix = "%4321%" }, [2]),
        ("request", { $0.requestID = "request-9" }, [3]),
        ("rule", { $0.rule = "sendPerIP" }, [0]),
        (
            "two at once",
            {
                $0.kind = "guess.wrong"
                $0.clientID = "game"
            }, [1]
        ),
        ("the newest few", { $0.limit = 2 }, [3, 4]),
        ("none at all", { $0.limit = 0 }, []),
    ]

    @Test(arguments: Backend.allCases, filters)
    func `a filter finds its events, oldest first`(
        on backend: Backend,
        _ row: (name: String, set: @Sendable (inout SecurityEventFilter) -> Void, found: [Int])
    ) async throws {
        try await backend.withStore { store in
            let events = [
                event(.sendRefused, 0, rule: "sendPerIP"),
                event(.guessWrong, 1, client: "game", phone: "+8190****5678"),
                event(.codeRefused, 2, client: "game", phone: "+8190****4321"),
                event(.guessWrong, 3, request: "request-9", client: "another-game"),
                event(.messageFailed, 4, phone: "+4915****5678"),
            ]
            for event in events { try await store.record(event) }
            var filter = SecurityEventFilter()
            row.set(&filter)
            #expect(try await store.events(matching: filter).map(\.event) == row.found.map { events[$0] })
        }
    }

    /// Reads on from the last position it saw, as `denwa log --follow` does; the seconds of what it found.
    private func follow(_ store: SQLStore, from filter: inout SecurityEventFilter) async throws -> [Int] {
        let found = try await store.events(matching: filter)
        filter.after = found.last?.position ?? filter.after ?? 0
        return found.map { Timestamp.noon.secondsRoundedUp(until: $0.event.at) }
    }

    @Test(arguments: Backend.allCases)
    func `a follower sees each event once`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            var filter = SecurityEventFilter()
            #expect(try await follow(stores[0], from: &filter).isEmpty)
            for second in 0..<3 { try await stores[second % 2].record(event(.guessWrong, second)) }
            #expect(try await follow(stores[0], from: &filter) == [0, 1, 2])
            #expect(try await follow(stores[1], from: &filter).isEmpty)
            try await stores[1].record(event(.guessWrong, 3))
            #expect(try await follow(stores[0], from: &filter) == [3])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a follower that was overtaken misses nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var filter = SecurityEventFilter()
            filter.limit = 3
            try await store.record(event(.guessWrong, 0))
            var seen = try await follow(store, from: &filter)
            for second in 1..<10 { try await store.record(event(.guessWrong, second)) }
            for _ in 0..<4 { seen += try await follow(store, from: &filter) }
            #expect(seen == Array(0..<10))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a follower that began before the first event misses nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var filter = SecurityEventFilter()
            filter.limit = 3
            var seen = try await follow(store, from: &filter)
            for second in 0..<10 { try await store.record(event(.guessWrong, second)) }
            for _ in 0..<4 { seen += try await follow(store, from: &filter) }
            #expect(seen == Array(0..<10))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a position is not given twice, whatever housekeeping removes`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var filter = SecurityEventFilter()
            for second in 0..<3 { try await store.record(event(.guessWrong, second)) }
            #expect(try await follow(store, from: &filter).count == 3)
            let later = 100 * 86_400
            _ = try await store.removeExpired(.init(), batch: 100, at: .noon.adding(seconds: later))
            try await store.record(event(.guessWrong, later))
            #expect(try await follow(store, from: &filter).count == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an event goes with the act that it belongs to`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let login = PhoneLoginFixture()
            let charge = try known(LimitCharge(.sendPerIP, Limit(count: 1, windowSeconds: 60), subject: "address"))
            _ = try await login.start("operation", on: store)
            // A text that cannot be queued breaks the act after its charge.
            try await store.run("ALTER TABLE message RENAME TO elsewhere")
            await #expect(throws: (any Error).self) {
                _ = try await login.start("another", charging: [charge], on: store)
            }
            try await store.run("ALTER TABLE elsewhere RENAME TO message")
            #expect(try await store.count("message") == 1)
            #expect(try await store.count("rate_limit") == 0, "the charge went with it")
            #expect(try await login.start(charging: [charge], on: store).kind == .started)

            // A refusal that cannot be logged is no refusal that was counted.
            try await store.run("ALTER TABLE security_event RENAME TO elsewhere")
            await #expect(throws: (any Error).self) {
                _ = try await login.guess("999999", at: "operation", on: store)
            }
            try await store.run("ALTER TABLE elsewhere RENAME TO security_event")
            #expect(try await store.count("phone_challenge", where: "guesses = 0") == 1)
        }
    }
}
