import DeveloperLog
import OAuth
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// The limits as the database counts them, over all connections.
@Suite struct RateLimitTests {
    private func charge(
        _ count: Int, per seconds: Int, name: LimitName = .tokenPerClient, subject: String = "subject"
    ) throws -> LimitCharge {
        try known(LimitCharge(name, Limit(count: count, windowSeconds: seconds), subject: subject))
    }

    private func charge(_ charges: LimitCharge..., to store: SQLStore, at now: Timestamp = .noon) async throws
        -> LimitRefusal?
    {
        try await store.charge(charges, for: ClientID("game"), from: .home, at: now)
    }

    @Test(arguments: Backend.allCases, [1, 7, 100])
    func `of those that race exactly as many pass as the limit allows`(
        on backend: Backend, _ count: Int
    ) async throws {
        try await backend.withStores(4) { stores in
            let charge = try charge(count, per: 3600)
            let refusals = try await race(120) { index in
                try await stores.turn(index).charge([charge], for: ClientID("game"), from: .home, at: .noon)
            }
            #expect(refusals.count { $0 == nil } == count)
            #expect(try await stores[0].log().count == 120 - count)
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is used comes back evenly, to the millisecond`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try charge(4, per: 60)
            for _ in 0..<4 { #expect(try await self.charge(charge, to: store) == nil) }
            #expect(try await self.charge(charge, to: store)?.retryAfterSeconds == 15)

            let next = Timestamp.noon.adding(seconds: 15)
            #expect(try await self.charge(charge, to: store, at: next.adding(milliseconds: -1)) != nil)
            #expect(try await self.charge(charge, to: store, at: next) == nil)
            #expect(try await self.charge(charge, to: store, at: next) != nil)

            let rested = Timestamp.noon.adding(seconds: 600)
            for _ in 0..<4 { #expect(try await self.charge(charge, to: store, at: rested) == nil) }
            #expect(try await self.charge(charge, to: store, at: rested) != nil, "rest is not saved up")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refusal is not counted`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try charge(1, per: 10)
            #expect(try await self.charge(charge, to: store) == nil)
            for second in 1..<10 {
                let refusal = try await self.charge(charge, to: store, at: .noon.adding(seconds: second))
                #expect(refusal?.retryAfterSeconds == 10 - second)
            }
            #expect(try await self.charge(charge, to: store, at: .noon.adding(seconds: 10)) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `when one of several refuses, those before it are given back and those after it not touched`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let before = try charge(2, per: 3600, name: .sendPerNumber)
            let empty = try charge(1, per: 3600, name: .sendPerIP)
            let after = try charge(2, per: 3600, name: .sendPerClient)
            #expect(try await charge(empty, to: store) == nil)
            for _ in 0..<5 {
                #expect(try await charge(before, empty, after, to: store)?.name == .sendPerIP)
            }
            for _ in 0..<2 { #expect(try await charge(before, after, to: store) == nil) }
            #expect(try await charge(before, to: store)?.name == .sendPerNumber)
            #expect(try await charge(after, to: store)?.name == .sendPerClient)
        }
    }

    @Test(arguments: Backend.allCases)
    func `limits of another name or another subject count apart`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let one = try charge(1, per: 60)
            let others = [try charge(1, per: 60, subject: "another"), try charge(1, per: 60, name: .sendPerIP)]
            #expect(try await charge(one, to: store) == nil)
            for other in others { #expect(try await charge(other, to: store) == nil) }
            #expect(try await charge(one, to: store) != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a clock that steps back opens nothing, and costs one interval instead of what it went back`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let charge = try charge(2, per: 60)
            for _ in 0..<2 { #expect(try await self.charge(charge, to: store) == nil) }
            let earlier = Timestamp.noon.adding(seconds: -3600)
            #expect(try await self.charge(charge, to: store, at: earlier)?.retryAfterSeconds == 30)
            // One interval later, by the clock as it is now, there is a place again.
            #expect(try await self.charge(charge, to: store, at: earlier.adding(milliseconds: 29_999)) != nil)
            #expect(try await self.charge(charge, to: store, at: earlier.adding(seconds: 30)) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `limits may change under a running count`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (before, wider, narrower) = try (charge(2, per: 60), charge(1000, per: 60), charge(1, per: 3600))
            for _ in 0..<2 { #expect(try await charge(before, to: store) == nil) }
            #expect(try await charge(before, to: store) != nil)
            let soon = Timestamp.noon.adding(seconds: 1)
            #expect(try await charge(wider, to: store, at: soon) == nil)
            #expect(try await charge(narrower, to: store, at: soon) != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `counts survive a restart`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            let charge = try charge(1, per: 60)
            let before = try await self.charge(charge, to: database.open())
            #expect(before == nil)
            let after = try await self.charge(charge, to: database.open())
            #expect(after != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refusal tells the log who, what and until when`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try charge(1, per: 60)
            for _ in 0..<2 { _ = try await self.charge(charge, to: store) }
            let event = try #require(try await store.log().first)
            #expect(
                event
                    == SecurityEvent(
                        .tokenRefused, at: .noon, origin: .home, clientID: "game", rule: "tokenPerClient",
                        reason: "limit reached", retryAfterSeconds: 60))
        }
    }
}
