import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct HousekeepingTests {
    private static let day = 86_400

    /// Every table, and when its rows made at noon may go: with a lifetime of 180 seconds for phone codes, 60 for
    /// authorization codes, a day for refresh tokens, an hour for access tokens and limits.
    static let ends: [(table: String, seconds: Int)] = [
        ("phone_operation", 180 + 600), ("phone_challenge", 180),
        ("authorization_code", 60 + day), ("refresh_token", day), ("token_grant", day + day),
        ("revoked_token", 3600), ("rate_limit", 3600), ("message", 180 + day), ("security_event", 90 * day),
    ]

    /// One row of each kind at least.
    private func fill(_ store: SQLStore) async throws {
        let login = PhoneLoginFixture()
        let client = TokenFixture()
        _ = try await client.grant(holding: "token", login: login, on: store)
        _ = try await login.start("pending", on: store)
        _ = try await login.guess("999999", at: "pending", on: store)
        let charge = try known(LimitCharge(.tokenPerClient, Limit(count: 1, windowSeconds: 3600), subject: "game"))
        _ = try await store.charge([charge], for: ClientID("game"), from: .home, at: .noon)
        try await store.revokeAccessToken(
            id: "access token", expiresAt: .noon.adding(seconds: 3600), of: ClientID("game"), from: .home, at: .noon)
    }

    @Test(arguments: Backend.allCases, ends)
    func `a row stays to the last millisecond of its time and goes then`(
        on backend: Backend, _ row: (table: String, seconds: Int)
    ) async throws {
        try await backend.withStore { store in
            try await fill(store)
            let count = try await store.count(row.table)
            #expect(count > 0)
            let end = Timestamp.noon.adding(seconds: row.seconds)
            _ = try await store.removeExpired(.init(), batch: 100, at: end.adding(milliseconds: -1))
            #expect(try await store.count(row.table) == count)
            #expect(try await store.removeExpired(.init(), batch: 100, at: end) > 0)
            #expect(try await store.count(row.table) == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `accounts and their numbers stay for good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fill(store)
            for _ in 0..<3 {
                _ = try await store.removeExpired(.init(), batch: 1000, at: .noon.adding(seconds: 10_000 * Self.day))
            }
            #expect(try await store.count("account") == 1)
            #expect(try await store.count("account_phone") == 1)
            for (table, _) in Self.ends { #expect(try await store.count(table) == 0) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `no more than a batch of each kind goes at once, and the count tells`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for second in 0..<25 {
                try await store.record(
                    SecurityEvent(.guessWrong, at: .noon.adding(seconds: second), origin: .home, reason: "a reason"))
            }
            let later = Timestamp.noon.adding(seconds: 91 * Self.day)
            var removed: [Int] = []
            for _ in 0..<4 { removed.append(try await store.removeExpired(.init(), batch: 10, at: later)) }
            #expect(removed == [10, 10, 5, 0])
        }
    }

    @Test(arguments: Backend.allCases)
    func `retention is the operator's`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fill(store)
            var retention = SQLStore.Retention()
            retention.codeSeconds = 0
            retention.messageSeconds = 0
            retention.eventSeconds = 10
            _ = try await store.removeExpired(retention, batch: 100, at: .noon.adding(seconds: 180))
            for table in ["authorization_code", "message", "security_event"] {
                #expect(try await store.count(table) == 0)
            }
            #expect(try await store.count("refresh_token") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of nodes that ask one goes round, for as long as it asks again, and when it died another`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            let end = Timestamp.noon.adding(seconds: 90)
            let turns = try await race(16) { index in
                try await stores.turn(index).takeHousekeepingTurn(as: "node \(index)", until: end, at: .noon)
                    ? "node \(index)" : nil
            }
            let first = try #require(turns.compactMap(\.self).first)
            #expect(turns.compactMap(\.self).count == 1)
            let longer = end.adding(seconds: 60)
            let asksAgain = try await stores[0].takeHousekeepingTurn(as: first, until: longer, at: .noon)
            let tooEarly = try await stores[1].takeHousekeepingTurn(as: "another", until: longer, at: end)
            let after = try await stores[1].takeHousekeepingTurn(as: "another", until: longer, at: longer)
            #expect([asksAgain, tooEarly, after] == [true, false, true])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is renewed while it is looked at stays`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<40 {
                let subject = "client \(round)"
                let charge = try known(
                    LimitCharge(.tokenPerClient, Limit(count: 1, windowSeconds: 3600), subject: subject))
                _ = try await stores[0].charge([charge], for: ClientID("game"), from: .home, at: .noon)
                let later = Timestamp.noon.adding(seconds: 3600 * (round + 1))
                async let renewed = stores[0].charge([charge], for: ClientID("game"), from: .home, at: later)
                async let removed = stores[1].removeExpired(.init(), batch: 100, at: later)
                _ = try await (renewed, removed)
                let again = try await stores[0].charge([charge], for: ClientID("game"), from: .home, at: later)
                #expect(again != nil, "the charge before still counts")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a live login is not disturbed by removals that go on all the time`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            let login = PhoneLoginFixture()
            let client = TokenFixture()
            async let removals: Void = {
                for _ in 0..<50 { _ = try await stores[1].removeExpired(.init(), batch: 500, at: .noon) }
            }()
            for round in 0..<20 {
                let grant = try await client.grant(holding: "token \(round)", login: login, on: stores[0])
                let rotation = try await client.rotate("token \(round)", to: "next \(round)", on: stores[0])
                #expect(rotation.grant == grant)
            }
            try await removals
        }
    }
}
