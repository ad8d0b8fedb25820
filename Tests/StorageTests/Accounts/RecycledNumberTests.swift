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

/// Telephone companies give numbers to other people. A number that nobody proved for long opens a fresh account,
/// and the old one waits for its holder.
@Suite struct RecycledNumberTests {
    private let login = PhoneLoginFixture()
    private let idleSeconds = 365 * 86_400
    private var muchLater: Timestamp { .noon.adding(seconds: idleSeconds) }

    /// A login that minds how long the number was idle.
    private func finish(
        _ operation: String, of login: PhoneLoginFixture, token: String, on store: SQLStore, at now: Timestamp
    ) async throws -> PhoneGuessOutcome {
        let guess = login.guess("246802", at: operation, authorizationCode: token, now: now)
        let minding = PhoneGuess(
            operationID: guess.operationID, client: guess.client, number: guess.number, isFor: guess.isFor,
            proof: guess.proof, maxGuesses: guess.maxGuesses, codeSeal: guess.codeSeal, budget: guess.budget,
            confirmed: guess.confirmed, newAccount: guess.newAccount,
            idleBefore: now.adding(seconds: -idleSeconds), reward: guess.reward)
        return try await store.guess(minding, charging: [], from: .home, at: now)
    }

    private func outcome(
        of login: PhoneLoginFixture? = nil, token: String = Unique.name("token"), on store: SQLStore, at now: Timestamp
    ) async throws -> PhoneGuessOutcome {
        let login = login ?? self.login
        let operation = Unique.name("operation")
        _ = try await login.start(operation, on: store, at: now)
        return try await finish(operation, of: login, token: token, on: store, at: now)
    }

    private func account(
        of login: PhoneLoginFixture? = nil, token: String = Unique.name("token"), on store: SQLStore, at now: Timestamp
    ) async throws -> AccountID {
        try known(try await outcome(of: login, token: token, on: store, at: now).account)
    }

    @Test(arguments: Backend.allCases)
    func `a number is its account's until it was idle for so long, to the millisecond`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let first = try await account(on: store, at: .noon)
            let before = muchLater.adding(milliseconds: -1)
            #expect(try await account(on: store, at: before) == first)
            let next = before.adding(seconds: idleSeconds)
            let fresh = try await account(on: store, at: next)
            #expect(fresh != first, "every proof counts anew, and this one came a millisecond late")
            #expect(try await account(on: store, at: next.adding(seconds: 1)) == fresh)
            let parked = try #require(try await store.parked(before: fresh))
            #expect(
                parked == ParkedAccount(id: first, number: PhoneIdentity(rawValue: login.phone.e164), parkedAt: next))
            #expect(try await store.profile(.id(first))?.number == nil)
            #expect(try await store.profile(.id(first)) != nil, "it waits")
        }
    }

    @Test(arguments: Backend.allCases)
    func `nobody recycles a number when the operator wants none recycled`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let first = try await login.signIn(on: store).account
            #expect(try await login.signIn(on: store, at: .noon.adding(seconds: 100 * idleSeconds)).account == first)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the fresh account sees nothing of the old one's, and its tokens are not its own`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let browser = PhoneLoginFixture.inBrowser()
            let first = try await account(of: browser, token: "old session", on: store, at: .noon)
            let fresh = try await account(of: browser, token: "new session", on: store, at: muchLater)
            #expect(try await store.sessions(of: fresh, at: muchLater).count == 1)
            #expect(try await store.properties(of: fresh, named: nil).isEmpty)
            #expect(try await store.session("new session", at: muchLater)?.account == fresh)
            #expect(fresh != first)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of logins that race for an idle number one makes the fresh account, and all are it`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            let first = try await account(on: stores[0], at: .noon)
            let logins = (0..<8).map { index in
                var login = login
                login.client = .fixture("game \(index)")
                return login
            }
            let now = muchLater
            for (index, login) in logins.enumerated() {
                _ = try await login.start("operation \(index)", on: stores[0], at: now)
            }
            let outcomes = try await race(8) { index in
                try await finish(
                    "operation \(index)", of: logins[index], token: "token \(index)", on: stores.turn(index), at: now)
            }
            let accounts = Set(outcomes.compactMap(\.account))
            #expect(accounts.count == 1 && outcomes.allSatisfy { $0.kind == .passed })
            #expect(!accounts.contains(first))
            #expect(try await stores[0].count("account") == 2)
            #expect(try await stores[0].count("account_parked") == 1)
            #expect(try await stores[0].log().count { $0.kind == .numberRecycled } == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `whoever is kept out stays out, however long they wait`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let first = try await account(on: store, at: .noon)
            try await store.setDisabled(true, first, from: .home, at: .noon)
            #expect((try await outcome(on: store, at: muchLater.adding(seconds: 86_400))).isAccountDisabled)
            #expect(try await store.count("account") == 1)
            #expect(try await store.count("account_parked") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account that proves an idle number for itself gets it, and a moment earlier it does not`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var fixture = AccountFixture()
            fixture.idleSeconds = idleSeconds
            let first = try await account(on: store, at: .noon)
            let other = try await AccountFixture.named("bob").registered(on: store)
            let number = login.phone.e164
            let before = muchLater.adding(milliseconds: -1)
            try await fixture.text(.number(begunIn: nil), to: number, for: other, on: store, at: before)
            #expect(try await fixture.proveNumber(of: .id(other), on: store, at: before) == .taken)
            try await fixture.text(.number(begunIn: nil), to: number, for: other, on: store, at: muchLater)
            #expect(try await fixture.proveNumber(of: .id(other), on: store, at: muchLater) == .proven(other))
            #expect(try await store.parked(before: other)?.id == first)
            #expect(try await store.profile(.number(number))?.id == other)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a disabled account keeps its idle number`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var fixture = AccountFixture()
            fixture.idleSeconds = idleSeconds
            let first = try await account(on: store, at: .noon)
            try await store.setDisabled(true, first, from: .home, at: .noon)
            let other = try await AccountFixture.named("bob").registered(on: store)
            try await fixture.text(.number(begunIn: nil), to: login.phone.e164, for: other, on: store, at: muchLater)
            #expect(try await fixture.proveNumber(of: .id(other), on: store, at: muchLater) == .taken)
            #expect(try await store.profile(.number(login.phone.e164))?.id == first)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the log tells whose number it was, how long it was idle, and at which app`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let first = try await account(on: store, at: .noon)
            _ = try await account(on: store, at: muchLater.adding(seconds: 2 * 86_400))
            let line = try #require(try await store.log().first { $0.kind == .numberRecycled })
            #expect(line.accountID == first.rawValue)
            #expect(line.clientID == "game" && line.phone == login.phone.masked && line.address == "203.0.113.7")
            #expect(line.figures?.contains("367 days") == true)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a fresh account that is deleted leaves no trace in the old one's lines`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await account(on: store, at: .noon)
            let fresh = try await account(on: store, at: muchLater)
            _ = try await store.delete(fresh, pseudonym: "deleted-1", from: .home, at: muchLater)
            #expect(try await store.places(of: fresh.rawValue) == [])
        }
    }
}

extension PhoneGuessOutcome {
    fileprivate var account: AccountID? {
        if case .passed(let passed) = self { passed.account } else { nil }
    }
}
