import OAuth
import Storage
import TestSupport
import Testing
import Time

@testable import OAuth

/// The list of revocations as listeners read it.
@Suite struct RevocationListTests {
    private static let day = 86_400

    private func revoke(_ count: Int, on store: SQLStore, at now: Timestamp = .noon) async throws {
        for _ in 0..<count {
            try await store.revokeAccessToken(
                id: Unique.name("access token"), expiresAt: now.adding(seconds: 60), of: ClientID("game"), from: .home,
                at: now)
        }
    }

    private func clean(_ store: SQLStore, batch: Int = 100, at now: Timestamp) async throws {
        _ = try await store.removeExpired(.init(), batch: batch, at: now)
    }

    @Test(arguments: Backend.allCases)
    func `positions grow, over any number of processes`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            #expect(try await stores[0].revocationExtent() == RevocationExtent(oldest: 0, newest: 0))
            _ = try await race(16) { index in try await revoke(1, on: stores.turn(index)) }
            let entries = try await stores[0].revocations(after: 0, atMost: 100)
            #expect(entries.map(\.position) == Array(1...16))
            #expect(Set(entries.map { "\($0.subject)" }).count == 16)
            #expect(try await stores[3].revocationExtent() == RevocationExtent(oldest: 1, newest: 16))
        }
    }

    @Test(arguments: Backend.allCases)
    func `whoever reads on from the last position misses nothing that is written meanwhile`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            async let written: [Void] = race(60) { index in try await revoke(1, on: stores.turn(index)) }
            var seen: [Int64] = []
            for _ in 0..<200 {
                seen += try await stores[0].revocations(after: seen.last ?? 0, atMost: 7).map(\.position)
            }
            _ = try await written
            seen += try await stores[0].revocations(after: seen.last ?? 0, atMost: 60).map(\.position)
            #expect(seen.count == 60)
            #expect(seen == seen.sorted())
        }
    }

    @Test(arguments: Backend.allCases)
    func `it is read page by page`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await revoke(5, on: store)
            #expect(try await store.revocations(after: 0, atMost: 2).map(\.position) == [1, 2])
            #expect(try await store.revocations(after: 2, atMost: 2).map(\.position) == [3, 4])
            #expect(try await store.revocations(after: 4, atMost: 2).map(\.position) == [5])
            #expect(try await store.revocations(after: 5, atMost: 2).isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an entry is kept for a day, and the newest for good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await revoke(3, on: store)
            try await revoke(1, on: store, at: .noon.adding(seconds: 1))
            let end = Timestamp.noon.adding(seconds: Self.day)
            try await clean(store, at: end.adding(milliseconds: -1))
            #expect(try await store.revocationExtent() == RevocationExtent(oldest: 1, newest: 4))
            try await clean(store, batch: 2, at: end)
            #expect(try await store.revocationExtent() == RevocationExtent(oldest: 3, newest: 4))
            try await clean(store, at: end.adding(seconds: 1000))
            #expect(try await store.revocationExtent() == RevocationExtent(oldest: 4, newest: 4))
            try await revoke(1, on: store, at: end)
            #expect(try await store.revocations(after: 4, atMost: 10).map(\.position) == [5])
        }
    }

    /// A gap would be a revocation that nobody hears of.
    @Test(arguments: Backend.allCases)
    func `what is kept has no gap, whatever the clock did`(on backend: Backend) async throws {
        try await backend.withStore { store in
            // Set forward, and back again.
            for second in [0, 50, 2 * Self.day, 60, 100] {
                try await revoke(1, on: store, at: .noon.adding(seconds: second))
            }
            for second in 0..<200 {
                try await clean(store, batch: 1, at: .noon.adding(seconds: Self.day + second))
                let extent = try await store.revocationExtent()
                let kept = try await store.revocations(after: 0, atMost: 10).map(\.position)
                #expect(kept == Array(extent.oldest...extent.newest))
            }
            #expect(try await store.count("revocation") == 1)
        }
    }

    /// Each position of somebody who comes back, with 3 to 5 kept.
    static let positions: [(position: Int64, isKept: Bool)] = [
        (0, false), (1, false), (2, true), (3, true), (5, true), (6, false), (-1, false),
    ]

    @Test(arguments: positions)
    func `a position is good while everything after it is kept`(_ row: (position: Int64, isKept: Bool)) {
        #expect(RevocationExtent(oldest: 3, newest: 5).reaches(backTo: row.position) == row.isKept)
    }

    @Test func `before the first revocation there is one position`() {
        let empty = RevocationExtent(oldest: 0, newest: 0)
        #expect(empty.reaches(backTo: 0))
        #expect(!empty.reaches(backTo: 1))
    }
}
