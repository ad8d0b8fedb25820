import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// Passwords: who may guess how often, and what a sign-in and a change find still in place.
@Suite struct PasswordActTests {
    private let fixture: AccountFixture = {
        var fixture = AccountFixture.named("alice")
        fixture.password = "correct horse"
        return fixture
    }()
    private let limit = Limit(count: 3, windowSeconds: 3600)

    private func named(_ name: String = "alice") throws -> LoginIdentifier { .loginName(try known(FoldedText(name))) }

    /// What a sign-in by the right password brings along.
    private func candidate(place: String = "home", on store: SQLStore) async throws -> PasswordCandidate {
        try known(try await fixture.candidate(fixture.query(named(), place: place), on: store).found)
    }

    private func signIn(_ signIn: PasswordSignIn, on store: SQLStore) async throws -> Bool {
        try await store.signIn(signIn, from: .home, at: .noon)
    }

    @Test(arguments: Backend.allCases)
    func `of many guesses at once no more than the limit are answered, whoever is meant`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            try await fixture.registered(on: stores[0])
            for name in ["alice", "nobody"] {
                let query = fixture.query(try named(name), limit: limit)
                let outcomes = try await race(32) { [fixture] in
                    try await fixture.candidate(query, on: stores.turn($0))
                }
                #expect(outcomes.count { $0.isLimited } == 29, "of \(name)")
                #expect(outcomes.count { $0.found != nil } == (name == "alice" ? 3 : 0))
            }
            let refusals = try await stores[0].log().filter { $0.kind == .passwordRefused }
            #expect(refusals.count == 58)
            #expect(refusals.allSatisfy { $0.rule == "passwordPerIdentifier" && $0.accountID == nil })
        }
    }

    @Test(arguments: Backend.allCases)
    func `strangers' guesses do not lock out a place that signed in before`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(on: store)
            #expect(try await signIn(fixture.passed(candidate(on: store)), on: store))
            let strangers = fixture.query(try named(), place: "elsewhere", limit: limit)
            for _ in 0..<10 { _ = try await fixture.candidate(strangers, on: store) }
            #expect(try await fixture.candidate(strangers, on: store).isLimited)

            let home = fixture.query(try named(), limit: limit)
            for _ in 0..<3 {
                let found = try #require(try await fixture.candidate(home, on: store).found)
                #expect(found.isKnownOrigin)
            }
            #expect(try await fixture.candidate(home, on: store).isLimited, "it has no more than its own budget")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a place is known until its time ends`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(on: store)
            #expect(try await signIn(fixture.passed(candidate(on: store)), on: store))
            let query = fixture.query(try named())
            let end = Timestamp.noon.adding(seconds: 86_400)
            let before = try await fixture.candidate(query, on: store, at: end.adding(milliseconds: -1)).found
            #expect(before?.isKnownOrigin == true)
            #expect(try await fixture.candidate(query, on: store, at: end).found?.isKnownOrigin == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a right password is no guess`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(on: store)
            for round in 0..<10 {
                let query = fixture.query(try named(), place: "place \(round)", limit: limit)
                let found = try #require(try await fixture.candidate(query, on: store).found)
                let passed = fixture.passed(found, refunds: query.charges(found.isKnownOrigin), place: "other \(round)")
                #expect(try await signIn(passed, on: store))
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `an app's word for an address opens where it is enough, and only there`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var fixture = fixture
            (fixture.number, fixture.email) = ("+819012345678", "alice@example.com")
            let account = try await fixture.registered(on: store)
            let identifiers: [LoginIdentifier] = [
                .number("+819012345678"), .email(try known(FoldedText("Alice@example.com"))),
                .nameOrEmail(try known(FoldedText("alice@example.com"))),
            ]
            for identifier in identifiers {
                let trusting = try await fixture.candidate(fixture.query(identifier), on: store).found
                #expect(trusting?.account == account)
                let strict = fixture.query(identifier, acceptsClaims: [])
                #expect(try await fixture.candidate(strict, on: store).found == nil)
            }
            #expect(try await fixture.candidate(fixture.query(named(), acceptsClaims: []), on: store).found != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a sign-in makes its grant only while the checked password is there`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            let checked = try await candidate(on: store)
            let isChanged = try await store.changePassword(
                of: account, from: checked.password?.encoded, to: try AccountFixture.encoded("another"), ending: .all,
                from: .home, at: .noon)
            #expect(isChanged)
            #expect(try await signIn(fixture.passed(checked, signIn: fixture.newSignIn("late")), on: store) == false)
            #expect(try await store.bearer("late") == nil)
            #expect(try await store.count("token_grant") == 0)
            #expect(try await store.count("known_origin") == 0, "a failed sign-in makes no place known")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a sign-in makes its grant only while the account is enabled and there`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            let checked = try await candidate(on: store)
            try await store.setDisabled(true, account, from: .home, at: .noon)
            #expect(try await candidate(on: store).isDisabled)
            #expect(try await signIn(fixture.passed(checked, signIn: fixture.newSignIn("late")), on: store) == false)
            try await store.setDisabled(false, account, from: .home, at: .noon)
            #expect(try await signIn(fixture.passed(checked, signIn: fixture.newSignIn("token")), on: store))
            #expect(try await store.bearer("token")?.account == account)
            _ = try await store.delete(account, pseudonym: "deleted-1", from: .home, at: .noon)
            #expect(try await signIn(fixture.passed(checked, signIn: fixture.newSignIn("after")), on: store) == false)
            #expect(try await store.count("token_grant") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account without a password has none to guess`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await AccountFixture.named("alice").registered(on: store)
            let found = try await candidate(on: store)
            #expect(found.account == account && found.password == nil)
            #expect(try await signIn(fixture.passed(found, signIn: fixture.newSignIn("none")), on: store) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a hash made anew takes the place of the one it was checked against`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            let checked = try await candidate(on: store)
            let anew = try AccountFixture.encoded("correct horse")
            #expect(try await signIn(fixture.passed(checked, rehashed: anew), on: store))
            #expect(try await store.password(of: account)?.encoded == anew)
            #expect(try await signIn(fixture.passed(checked, rehashed: anew), on: store) == false, "it is not there")
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 changes that checked one password one wins`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let account = try await fixture.registered(on: stores[0])
            let old = try #require(try await stores[0].password(of: account)?.encoded)
            let changes = try (0..<16).map { try AccountFixture.encoded("new \($0)") }
            let outcomes = try await race(16) { index in
                try await stores.turn(index).changePassword(
                    of: account, from: old, to: changes[index], ending: .all, from: .home, at: .noon)
            }
            #expect(outcomes.count { $0 } == 1)
            let kept = try #require(try await stores[0].password(of: account)?.encoded)
            #expect(changes.contains(kept))
            #expect(try await stores[0].log().count { $0.kind == .passwordChanged } == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a first password is set once, and only where there is none`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            let account = try await AccountFixture.named("alice").registered(on: stores[0])
            let encoded = try AccountFixture.encoded("first")
            let outcomes = try await race(8) { index in
                try await stores.turn(index).changePassword(
                    of: account, from: nil, to: encoded, ending: .none, from: .home, at: .noon)
            }
            #expect(outcomes.count { $0 } == 1)
        }
    }
}
