import Accounts
import OAuth
import PhoneLogin
import PhoneNumbers
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// What ends with a number: its codes at once, and the sign-ins that its holder wants to end.
@Suite struct NumberChangeEndingTests {
    private let fixture = AccountFixture()
    private let login = PhoneLoginFixture()
    private let old = PhoneNumber.alice.e164
    private let new = "+819011112222"

    @Test(arguments: Backend.allCases)
    func `codes that were texted to the old number are dead at that moment`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            _ = try await login.start("sign-in", code: "111111", on: store)
            _ = try await PhoneLoginFixture.inBrowser().start("browser", code: "222222", on: store)
            try await fixture.text(.passwordReset, to: old, for: account, code: "333333", on: store)
            try await fixture.changeNumber(of: account, to: new, on: store)

            #expect(try await login.guess("111111", at: "sign-in", on: store) == .unknown)
            let browser = PhoneLoginFixture.inBrowser()
            #expect(try await browser.guess("222222", at: "browser", on: store) == .unknown)
            let reset = NumberProofReward.password(try AccountFixture.encoded("intruder"), notice: { _ in nil })
            #expect(try await fixture.prove("333333", of: .id(account), reward: reset, on: store) == .unknown)
            #expect(try await store.count("phone_challenge", where: "number = '\(old)'") == 0)
            #expect(try await store.profile(.id(account))?.hasPassword == false)
            let texts = try await fixture.takeMessages(on: store).map(\.body)
            #expect(!texts.contains("111111") && !texts.contains("333333"), "what still waited does not leave")
        }
    }

    @Test(arguments: Backend.allCases)
    func `whoever has the old number from then on is somebody else`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            try await fixture.changeNumber(of: account, to: new, on: store)
            #expect(try await login.signIn(on: store).account != account)
            #expect(try await store.profile(.id(account))?.number?.text == new)
        }
    }

    @Test(arguments: Backend.allCases)
    func `codes of other numbers live on`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            var bob = login
            bob.phone = .bob
            _ = try await bob.start("bob's", on: store)
            try await fixture.changeNumber(of: account, to: new, on: store)
            #expect(try await bob.guess("246802", at: "bob's", on: store).kind == .passed)
        }
    }

    /// An account with two browsers and two apps, and somebody else with one of each.
    private func signInEverywhere(_ store: SQLStore) async throws -> (account: AccountID, here: Session, grant: Grant) {
        let account = try await login.beginSession("here", on: store)
        try await login.beginSession("there", on: store)
        let grant = try await TokenFixture().grant(holding: "mine", login: login, on: store)
        _ = try await TokenFixture().grant(holding: "theirs", login: login, on: store)
        var bob = login
        bob.phone = .bob
        try await bob.beginSession("bob's", on: store)
        _ = try await TokenFixture().grant(holding: "bob's", login: bob, on: store)
        return (account, try known(try await store.session("here")), grant)
    }

    private func alive(_ store: SQLStore) async throws -> Set<String> {
        var alive: Set<String> = []
        for session in ["here", "there", "bob's"] where try await store.session(session) != nil {
            alive.insert("session \(session)")
        }
        for token in ["mine", "theirs", "bob's"]
        where try await TokenFixture().rotate(token, to: "next \(token)", on: store).kind == .rotated {
            alive.insert("token \(token)")
        }
        return alive
    }

    private static let everybody: Set<String> = [
        "session here", "session there", "session bob's", "token mine", "token theirs", "token bob's",
    ]

    @Test(arguments: Backend.allCases)
    func `a change that ends nothing ends nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (account, _, _) = try await signInEverywhere(store)
            try await fixture.changeNumber(of: account, to: new, on: store)
            #expect(try await alive(store) == Self.everybody)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the others of a browser are all but its own`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (account, session, _) = try await signInEverywhere(store)
            let here = SignInAnchor.session(session.id)
            try await fixture.changeNumber(of: account, to: new, in: here, ending: .others(here), on: store)
            #expect(try await alive(store) == ["session here", "session bob's", "token bob's"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `the others of an app are all but its own`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (account, _, grant) = try await signInEverywhere(store)
            let here = SignInAnchor.grant(grant.id)
            try await fixture.changeNumber(of: account, to: new, in: here, ending: .others(here), on: store)
            #expect(try await alive(store) == ["token mine", "session bob's", "token bob's"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a proof that fails ends nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let (account, _, grant) = try await signInEverywhere(store)
            let here = SignInAnchor.grant(grant.id)
            try await fixture.text(.number(begunIn: here), to: PhoneNumber.bob.e164, for: account, on: store)
            #expect(
                try await fixture.proveNumber("999999", of: .id(account), in: here, ending: .all, on: store) == .wrong)
            #expect(try await fixture.proveNumber(of: .id(account), in: here, ending: .all, on: store) == .taken)
            #expect(try await alive(store) == Self.everybody)
        }
    }

    private func replace(_ account: AccountID, with number: String, on store: SQLStore) async throws -> Bool {
        try await store.replaceNumber(
            of: account, with: number, leaving: fixture.change(undo: "undo"), from: .home, at: .noon)
    }

    @Test(arguments: Backend.allCases)
    func `a number taken on an app's word is told to the proven one, and nobody else's is taken`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            var bob = login
            bob.phone = .bob
            try await bob.signIn(on: store)
            _ = try await fixture.takeMessages(on: store)

            #expect(try await replace(account, with: PhoneNumber.bob.e164, on: store) == false)
            #expect(try await store.profile(.id(account))?.number == AccountAddress(old, isProven: true))
            #expect(try await replace(account, with: new, on: store))
            #expect(try await store.profile(.id(account))?.number == AccountAddress(new, isProven: false))
            #expect(try await store.profile(.number(old)) == nil)
            #expect(try await fixture.takeMessages(on: store).map(\.recipient) == [old])
            #expect(try await fixture.undo("undo", on: store) == .undone)
            #expect(try await store.profile(.id(account))?.number == AccountAddress(old, isProven: true))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number that nobody proved gets no text on an app's word, and nothing to undo`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var claimant = AccountFixture.named("alice")
            claimant.number = old
            let account = try await claimant.registered(on: store)
            #expect(try await replace(account, with: new, on: store))
            #expect(try await store.profile(.id(account))?.number == AccountAddress(new, isProven: false))
            #expect(try await fixture.takeMessages(on: store).isEmpty)
            #expect(try await fixture.undo("undo", on: store) == .gone)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a removed number signs in to nothing of its old account`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            _ = try await login.start("under way", on: store)
            _ = try await fixture.takeMessages(on: store)
            let change = fixture.change(undo: "undo")
            try await store.removeNumber(of: account, leaving: change, from: .home, at: .noon)
            #expect(try await store.profile(.id(account))?.number == nil)
            #expect(try await login.guess("246802", at: "under way", on: store) == .unknown)
            #expect(try await fixture.takeMessages(on: store).map(\.recipient) == [old], "it hears of it")
            #expect(try await login.signIn(on: store).account != account)
            #expect(try await fixture.undo("undo", on: store) == .undone)
            #expect(try await store.profile(.number(old))?.id == account)
        }
    }
}
