import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneNumbers
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement
@testable import PhoneLogin

/// The holder of a number that was idle comes back, and proves by something else that the old account is theirs.
@Suite struct ReclaimActTests {
    private let fixture = AccountFixture()
    private let number = PhoneNumber.alice.e164
    private let now = Timestamp.noon.adding(seconds: 400 * 86_400)

    /// An account with a proven address whose number was idle, and the fresh one that has the number, with a browser's
    /// session and an app's tokens.
    private func recycled(_ store: SQLStore) async throws -> (parked: AccountID, fresh: AccountID) {
        let parked = try await AccountFixture.named("alice").registered("the old one", on: store)
        try await fixture.changeNumber(of: parked, to: number, on: store)
        _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(parked), address: "a@example.com", on: store)
        _ = try await fixture.proveEmail(of: .id(parked), on: store)
        try await store.run("UPDATE account_phone SET account_id = 'the fresh one' WHERE account_id = \(parked)")
        try await store.run("INSERT INTO account (id, created_at) VALUES ('the fresh one', \(now))")
        try await store.run(
            """
            INSERT INTO account_parked (account_id, number, parked_at) VALUES (\(parked), \(number), \(now))
            """)
        let login = PhoneLoginFixture.inBrowser()
        let fresh = try await login.beginSession("session", on: store, at: now)
        try await login.beginSession("another browser", on: store, at: now)
        _ = try await TokenFixture().grant(holding: "refresh", on: store, at: now)
        guard fresh == AccountID("the fresh one") else { throw BrokenFixture() }
        return (parked, fresh)
    }

    private func reclaim(
        _ parked: AccountID, for account: AccountID, session: String = "session", on store: SQLStore
    ) async throws -> Bool {
        try await store.reclaim(parked, for: account, session: SHA256Digest(of: session), from: .home, at: now)
    }

    @Test(arguments: Backend.allCases)
    func `the number goes back, the browser goes on as the old account, and all else of the fresh one ends`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let (parked, fresh) = try await recycled(store)
            let isBack = try await reclaim(parked, for: fresh, on: store)
            #expect(isBack)
            #expect(try await store.profile(.id(parked))?.number == AccountAddress(number, isProven: true))
            #expect(try await store.profile(.id(fresh))?.number == nil)
            let session = try #require(try await store.session("session", at: now))
            #expect(session.account == parked && session.phoneNumber == number)
            #expect(try await store.session("another browser", at: now) == nil)
            let refreshed = try await TokenFixture().rotate("refresh", to: "next", on: store, at: now)
            #expect(refreshed.kind == .unknown)
            #expect(try await PhoneLoginFixture().signIn(on: store, at: now).account == parked)
            #expect(try await store.parked(before: fresh) == nil)
            let line = try #require(try await store.log().last { $0.kind == .numberRecycled })
            #expect(line.accountID == parked.rawValue)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 who reclaim at once one does`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let (parked, fresh) = try await recycled(stores[0])
            let outcomes = try await race(16) { try await reclaim(parked, for: fresh, on: stores.turn($0)) }
            #expect(outcomes.count { $0 } == 1)
            #expect(try await stores[0].profile(.number(number))?.id == parked)
            #expect(try await stores[0].log().count { $0.kind == .numberRecycled } == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `nobody reclaims for another account, or as one that did not have the number`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let (parked, fresh) = try await recycled(store)
            let mallory = try await AccountFixture.named("mallory").registered(on: store)
            for (old, new) in [(mallory, fresh), (parked, mallory), (fresh, parked), (fresh, fresh)] {
                #expect(try await reclaim(old, for: new, on: store) == false)
            }
            #expect(try await store.parked(before: mallory) == nil)
            #expect(try await store.profile(.number(number))?.id == fresh)
            #expect(try await store.parked(before: fresh)?.id == parked)
        }
    }

    @Test(arguments: Backend.allCases)
    func `no session but the fresh account's own goes over`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (parked, fresh) = try await recycled(store)
            var bob = PhoneLoginFixture.inBrowser()
            bob.phone = .bob
            let other = try await bob.beginSession("bob's", on: store, at: now)
            let isBack = try await reclaim(parked, for: fresh, session: "bob's", on: store)
            #expect(isBack)
            #expect(try await store.session("bob's", at: now)?.account == other)
            #expect(try await store.session("session", at: now) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a disabled account is not reclaimed`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (parked, fresh) = try await recycled(store)
            try await store.setDisabled(true, parked, from: .home, at: now)
            #expect(try await reclaim(parked, for: fresh, on: store) == false)
            #expect(try await store.profile(.number(number))?.id == fresh)
            try await store.setDisabled(false, parked, from: .home, at: now)
            let isBack = try await reclaim(parked, for: fresh, on: store)
            #expect(isBack)
        }
    }

    @Test(arguments: Backend.allCases)
    func `one that comes after the number went on changes nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (parked, fresh) = try await recycled(store)
            try await fixture.changeNumber(of: parked, to: "+819055556666", on: store, at: now)
            try await fixture.changeNumber(of: fresh, to: "+819077778888", on: store, at: now)
            #expect(try await store.parked(before: fresh) == nil)
            #expect(try await reclaim(parked, for: fresh, on: store) == false)
            #expect(try await store.profile(.id(parked))?.number?.text == "+819055556666")
            #expect(try await store.profile(.id(fresh))?.number?.text == "+819077778888")
            #expect(try await store.session("session", at: now)?.account == fresh)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an e-mailed code reclaims as well, once`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (parked, fresh) = try await recycled(store)
            let reward = EmailProofReward.reclaim(by: fresh, session: SHA256Digest(of: "session"))
            _ = try await fixture.startEmail(.reclaim, of: .id(parked), mustBe: "a@example.com", on: store, at: now)
            #expect(
                try await fixture.proveEmail("999999", of: .id(parked), reward: reward, on: store, at: now) == .wrong)
            #expect(
                try await fixture.proveEmail(of: .id(parked), reward: reward, on: store, at: now) == .proven(parked))
            #expect(try await store.profile(.number(number))?.id == parked)
            #expect(try await fixture.proveEmail(of: .id(parked), reward: reward, on: store, at: now) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code for a parked account goes to its own address and to no other`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (parked, _) = try await recycled(store)
            _ = try await fixture.takeMessages(on: store, at: now)
            let start = try await fixture.startEmail(
                .reclaim, of: .id(parked), mustBe: "mallory@example.com", on: store, at: now)
            #expect(start == .nothing)
            #expect(try await fixture.takeMessages(on: store, at: now).isEmpty)
        }
    }
}
