import Accounts
import Cryptography
import DeveloperLog
import JOSE
import Messaging
import OAuth
import PhoneLogin
import PhoneNumbers
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// A deleted user is gone from everywhere, and whoever comes after is somebody else (attack 40).
@Suite struct DeletionActTests {
    private let fixture = AccountFixture()
    private let login = PhoneLoginFixture()
    /// What stands nowhere any more.
    private static let former = "+819012345678"
    private static let number = "+819011112222"
    private static let pending = "+819033334444"
    private static let words = [
        "liddell", "liddell@example.com", "other@example.net", former, number, pending,
        "through the glass",
    ]

    private var atNumber: PhoneLoginFixture {
        var login = login
        login.phone = PhoneNumber(trusted: Self.number, region: "JP", lineType: .mobile)
        return login
    }

    /// An account with a row in every table that can hold one.
    private func populate(_ store: SQLStore) async throws -> AccountID {
        var person = AccountFixture.named("Liddell")
        (person.email, person.number) = ("Liddell@example.com", Self.former)
        person.password = "correct horse"
        person.properties = [AccountProperty(name: "book", value: "through the glass")]
        let account = try await person.registered(
            "5f0c6a52-alice", signIn: fixture.newSignIn("token"), on: store)
        try await fixture.changeNumber(of: account, to: Self.former, on: store)
        try await fixture.changeNumber(of: account, to: Self.number, undo: "undo", on: store)
        _ = try await fixture.startEmail(
            .address(begunIn: nil), of: .id(account), address: "liddell@example.com", on: store)
        _ = try await fixture.proveEmail(of: .id(account), on: store)
        try await atNumber.beginSession("session", on: store)
        try await store.run(
            """
            INSERT INTO consent (account_id, client_id, scope, given_at)
            VALUES (\(account), 'game', 'openid', \(Timestamp.noon))
            """)
        try await store.run(
            "INSERT INTO account_import (digest, account_id) VALUES (\(SHA256Digest(of: "a row")), \(account))")
        try await store.run(
            """
            INSERT INTO account_parked (account_id, number, parked_at)
            VALUES (\(account), 'a number', \(Timestamp.noon))
            """)
        let reset = ResetRequest(
            account: .id(account), recipient: { _, _ in EmailAddress("liddell@example.com") }, properties: [],
            digest: SHA256Digest(of: "reset"), expiresAt: .noon.adding(seconds: 3600),
            message: { [fixture] in
                fixture.queued(
                    .passwordResetToken, channel: .email, to: $0.text, saying: "reset", at: .noon,
                    until: .noon.adding(seconds: 3600))
            })
        _ = try await store.requestReset(reset, charging: [], from: .home, at: .noon)
        // What is under way.
        _ = try await atNumber.start("sign-in", on: store)
        _ = try await atNumber.guess("999999", at: "sign-in", on: store)
        try await fixture.text(.passwordReset, to: Self.number, for: account, on: store)
        try await fixture.text(.number(begunIn: nil), to: Self.pending, for: account, on: store)
        _ = try await fixture.proveNumber("999999", of: .id(account), on: store)
        _ = try await fixture.startEmail(
            .address(begunIn: nil), of: .id(account), address: "Other@example.net", on: store)
        _ = try await fixture.startEmail(.passwordReset, of: .id(account), on: store)
        return account
    }

    private func delete(_ account: AccountID, on store: SQLStore) async throws -> Bool {
        try await store.delete(account, pseudonym: "deleted-1", from: .home, at: .noon)
    }

    private func places(of words: [String], in store: SQLStore) async throws -> [String] {
        var places: [String] = []
        for word in words { places += try await store.places(of: word).map { "\(word) in \($0)" } }
        return places
    }

    @Test(arguments: Backend.allCases)
    func `no table holds anything of a deleted account`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await populate(store)
            for word in Self.words + [account.rawValue] {
                #expect(try await !places(of: [word], in: store).isEmpty, "the search finds \(word) while it is there")
            }
            let tables = Set(try await store.places(of: account.rawValue))
            #expect(tables.count >= 15, "in every table that names accounts: \(tables)")
            try await store.run("UPDATE message SET state = 'sent', body = NULL, due_at = NULL")
            let isGone = try await delete(account, on: store)
            #expect(isGone)
            #expect(try await places(of: Self.words + [account.rawValue], in: store) == [])
            for table in ["opaque_token", "session", "email_challenge", "number_change", "account_parked"] {
                #expect(try await store.count(table) == 0, "of \(table)")
            }
            #expect(try await delete(account, on: store) == false, "once")
            #expect(try await store.count("account_deleted", where: "id = '\(account.rawValue)'") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a text that waits for a number that was only said to be somebody's still leaves`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var mallory = AccountFixture.named("mallory")
            (mallory.number, mallory.verifies) = (login.phone.e164, true)
            let account = try await mallory.registered(on: store)
            _ = try await login.start("alice's", code: "135790", on: store)
            let isGone = try await delete(account, on: store)
            #expect(isGone)
            #expect(try await login.takeTexts(on: store) == ["135790"])
            #expect(try await login.guess("135790", at: "alice's", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `codes texted to a number that nobody proved go too`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var person = AccountFixture.named("liddell")
            person.number = Self.number
            let account = try await person.registered("5f0c6a52-alice", on: store)
            try await fixture.text(.passwordReset, to: Self.number, for: account, on: store)
            _ = try await delete(account, on: store)
            #expect(try await places(of: [account.rawValue, Self.number], in: store) == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `the log keeps its story under a name that leads nowhere`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await populate(store)
            let before = try await store.log().filter { $0.accountID == account.rawValue }
            #expect(before.count >= 2)
            _ = try await delete(account, on: store)
            let after = try await store.log().filter { $0.accountID == "deleted-1" }
            #expect(after.map(\.kind) == before.map(\.kind) + [.accountDeleted])
            #expect(after.allSatisfy { $0.phone == nil && $0.address == nil && $0.figures == nil })
            #expect(try await store.log().allSatisfy { $0.accountID != account.rawValue })
        }
    }

    @Test(arguments: Backend.allCases)
    func `other accounts and their lines stay as they are`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let bob = try await AccountFixture.named("bob").registered(signIn: fixture.newSignIn("bob's"), on: store)
            try await store.setDisabled(true, bob, from: .home, at: .noon)
            try await store.setDisabled(false, bob, from: .home, at: .noon)
            let lines = try await store.log().filter { $0.accountID == bob.rawValue }
            _ = try await delete(populate(store), on: store)
            #expect(try await store.profile(.id(bob))?.loginName == "bob")
            #expect(try await store.log().filter { $0.accountID == bob.rawValue } == lines)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code, session or token from before opens nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await populate(store)
            _ = try await delete(account, on: store)
            #expect(try await store.bearer("token") == nil)
            #expect(try await store.session("session") == nil)
            #expect(try await TokenFixture().rotate("refresh token", to: "next", on: store).kind == .unknown)
            #expect(try await atNumber.guess("246802", at: "sign-in", on: store) == .unknown)
            #expect(try await fixture.proveNumber(of: .id(account), on: store) == .nothingPending)
            #expect(try await fixture.proveNumber(of: .number(Self.pending), on: store) == .nothingPending)
            #expect(try await fixture.undo("undo", on: store) == .gone)
            #expect(try await fixture.proveEmail(of: .id(account), on: store) == .nothingPending)
            #expect(try await store.count("account") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a new sign-up by the same number and name is somebody else`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await populate(store)
            _ = try await delete(account, on: store)
            let byNumber = try await atNumber.signIn(on: store).account
            var person = AccountFixture.named("liddell")
            person.email = "liddell@example.com"
            let byName = try await person.registered(on: store)
            #expect(byNumber != account && byName != account)
            let profile = try #require(try await store.profile(.id(byName)))
            #expect(profile.number == nil && !profile.hasPassword && profile.email?.isProven == false)
            #expect(try await store.properties(of: byName, named: nil).isEmpty)
            #expect(try await store.sessions(of: byNumber, at: .noon).isEmpty)
        }
    }

    /// What a request that was under way may still do to an account that is gone.
    static let late = ["name", "property", "e-mail", "number", "text"]

    @Test(arguments: Backend.allCases, late)
    func `an act that comes after the deletion leaves nothing`(on backend: Backend, _ act: String) async throws {
        try await backend.withStore { store in
            let account = try await AccountFixture.named("liddell").registered("5f0c6a52-alice", on: store)
            _ = try await delete(account, on: store)
            var update = AccountUpdate()
            switch act {
            case "name": update.loginName = (text: "liddell", key: FoldedText(stored: "liddell"))
            case "property": update.properties = [AccountProperty(name: "book", value: 1)]
            case "e-mail":
                update.email = GivenAddress(key: "l@example.com", text: "l@example.com", isToBeProved: false)
            case "number":
                _ = try? await store.replaceNumber(
                    of: account, with: Self.number, leaving: fixture.change(undo: "undo"), from: .home, at: .noon)
            default:
                _ = try? await fixture.text(.number(begunIn: nil), to: Self.number, for: account, on: store)
                let outcome = try await fixture.proveNumber(of: .number(Self.number), on: store)
                #expect(outcome != .proven(account), "the number would be nobody's for good")
                // The code itself ends within minutes, like any that nobody types in.
                _ = try await store.removeExpired(.init(), batch: 100, at: .noon.adding(seconds: 3600))
            }
            if ["name", "property", "e-mail"].contains(act) {
                guard case .gone = try await store.update(account, update, from: .home, at: .noon) else {
                    Issue.record("there is nothing to change")
                    return
                }
            }
            #expect(try await store.places(of: account.rawValue) == [])
        }
    }
}
