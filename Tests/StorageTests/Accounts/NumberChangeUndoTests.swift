import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// The link in the text to the old number: whoever lost an account by a change of number gets it back.
@Suite struct NumberChangeUndoTests {
    private let fixture = AccountFixture()
    private let login = PhoneLoginFixture()
    private let old = PhoneNumber.alice.e164
    private let new = "+819011112222"

    /// Alice's account, after an intruder changed its number.
    private func takenOver(_ store: SQLStore) async throws -> AccountID {
        let account = try await login.signIn(on: store).account
        try await fixture.changeNumber(of: account, to: new, undo: "undo", on: store)
        return account
    }

    @Test(arguments: Backend.allCases)
    func `undoing brings the old number back and ends every session and token`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.beginSession("mine", on: store)
            _ = try await TokenFixture().grant(holding: "refresh", login: login, on: store)
            try await fixture.changeNumber(of: account, to: new, undo: "undo", on: store)
            var intruder = login
            intruder.phone = PhoneNumber(trusted: new, region: "JP", lineType: .mobile)
            #expect(try await intruder.beginSession("theirs", on: store) == account)

            #expect(try await fixture.undo("undo", on: store) == .undone)
            #expect(try await store.profile(.id(account))?.number == AccountAddress(old, isProven: true))
            #expect(try await store.profile(.number(new)) == nil)
            for session in ["mine", "theirs"] { #expect(try await store.session(session) == nil) }
            #expect(try await TokenFixture().rotate("refresh", to: "next", on: store).kind == .unknown)
            #expect(try await store.log().count { $0.kind == .numberChangeUndone } == 1)
            #expect(try await login.signIn(on: store).account == account)
            #expect(try await intruder.signIn(on: store).account != account)
        }
    }

    @Test(arguments: Backend.allCases)
    func `looking at it changes nothing, however often`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            let lines = try await store.log().count
            for _ in 0..<3 {
                let change = try #require(try await store.numberChange(SHA256Digest(of: "undo"), at: .noon))
                #expect(change.oldNumber.number == old && change.newNumber.number == new)
            }
            #expect(try await store.numberChange(SHA256Digest(of: "another"), at: .noon) == nil)
            #expect(try await store.profile(.id(account))?.number?.text == new)
            #expect(try await store.log().count == lines)
            #expect(try await fixture.undo("undo", on: store) == .undone)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a link undoes once, however many click it at once`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await takenOver(stores[0])
            let outcomes = try await race(16) { [fixture] in try await fixture.undo("undo", on: stores.turn($0)) }
            #expect(outcomes.count { $0 == .undone } == 1)
            #expect(outcomes.count { $0 == .gone } == 15)
            #expect(try await stores[0].log().count { $0.kind == .numberChangeUndone } == 1)
            #expect(try await stores[0].numberChange(SHA256Digest(of: "undo"), at: .noon) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a link is good to the last millisecond and no longer`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            let end = Timestamp.noon.adding(seconds: fixture.undoSeconds)
            #expect(try await store.numberChange(SHA256Digest(of: "undo"), at: end) == nil)
            #expect(try await fixture.undo("undo", on: store, at: end) == .gone)
            #expect(try await store.profile(.id(account))?.number?.text == new)
            #expect(try await fixture.undo("undo", on: store, at: end.adding(milliseconds: -1)) == .undone)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number that somebody who was there before proved is theirs, and the link stays good`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let before = Timestamp.noon.adding(seconds: -60)
            let successor = try await AccountFixture.named("bob").registered(on: store, at: before)
            let account = try await takenOver(store)
            try await fixture.changeNumber(of: successor, to: old, on: store)
            #expect(try await fixture.undo("undo", on: store) == .taken)
            #expect(try await store.profile(.number(old))?.id == successor)
            #expect(try await store.profile(.id(account))?.number?.text == new)
            try await fixture.changeNumber(of: successor, to: "+819077778888", on: store)
            #expect(try await fixture.undo("undo", on: store) == .undone)
            #expect(try await store.profile(.number(old))?.id == account)
        }
    }

    @Test(arguments: Backend.allCases)
    func `whoever signed in by the old number before they read the text gets their account back`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            let fresh = try await login.beginSession("fresh", on: store)
            #expect(fresh != account)
            #expect(try await fixture.undo("undo", on: store) == .undone)
            #expect(try await store.profile(.number(old))?.id == account)
            #expect(try await store.profile(.id(fresh))?.number == nil)
            #expect(try await store.session("fresh") == nil)
            #expect(try await login.signIn(on: store).account == account)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a sign-in by the old number that races the link leaves one owner`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<10 {
                let number = "+8190000000\(10 + round)"
                var login = login
                login.phone = PhoneNumber(trusted: number, region: "JP", lineType: .mobile)
                let account = try await login.signIn(on: stores[0]).account
                try await fixture.changeNumber(
                    of: account, to: "+8190000001\(10 + round)", undo: "undo \(round)", on: stores[0])
                async let undoing = fixture.undo("undo \(round)", on: stores[0])
                async let signingIn = login.signIn(on: stores[1]).account
                let (outcome, _) = try await (undoing, signingIn)
                #expect(outcome == .undone)
                #expect(try await stores[0].profile(.number(number))?.id == account)
                #expect(try await stores[0].count("account_phone", where: "number = '\(number)'") == 1)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `the intruder's later changes are undone with the first`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            let later = Timestamp.noon.adding(seconds: 60)
            try await fixture.changeNumber(of: account, to: "+819033334444", undo: "theirs", on: store, at: later)
            try await fixture.text(.number(begunIn: nil), to: "+819055556666", for: account, on: store, at: later)

            #expect(try await fixture.undo("undo", on: store, at: later) == .undone)
            #expect(try await store.profile(.id(account))?.number?.text == old)
            #expect(try await store.profile(.id(account))?.pendingNumber == nil, "what they began is over too")
            #expect(try await fixture.proveNumber(of: .id(account), on: store, at: later) == .nothingPending)
            #expect(try await fixture.undo("theirs", on: store, at: later) == .gone)
            #expect(try await store.profile(.id(account))?.number?.text == old)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an intruder who undoes a later change does not take the first link away`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            let later = Timestamp.noon.adding(seconds: 60)
            try await fixture.changeNumber(of: account, to: "+819033334444", undo: "theirs", on: store, at: later)
            #expect(try await fixture.undo("theirs", on: store, at: later) == .undone)
            #expect(try await store.profile(.id(account))?.number?.text == new)
            #expect(try await fixture.undo("undo", on: store, at: later) == .undone)
            #expect(try await store.profile(.id(account))?.number?.text == old)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the new number's codes die with the change`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            var intruder = login
            intruder.phone = PhoneNumber(trusted: new, region: "JP", lineType: .mobile)
            _ = try await intruder.start("theirs", on: store)
            #expect(try await fixture.undo("undo", on: store) == .undone)
            #expect(try await intruder.guess("246802", at: "theirs", on: store) == .unknown)
            #expect(try await store.profile(.id(account))?.number?.text == old)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a password and an address that came with the change let nobody in any more`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            let later = Timestamp.noon.adding(seconds: 60)
            _ = try await store.changePassword(
                of: account, from: nil, to: try AccountFixture.encoded("theirs"), ending: .none, from: .home, at: later)
            _ = try await fixture.startEmail(
                .address(begunIn: nil), of: .id(account), address: "m@example.com", on: store, at: later)
            _ = try await fixture.proveEmail(of: .id(account), on: store, at: later)
            _ = try await fixture.startEmail(.passwordReset, of: .id(account), on: store, at: later)
            #expect(try await fixture.undo("undo", on: store, at: later) == .undone)
            let profile = try #require(try await store.profile(.id(account)))
            #expect(!profile.hasPassword && profile.email == nil && profile.pendingEmail == nil)
            let reward = try fixture.resetReward(to: "theirs again")
            _ = try await fixture.proveEmail(of: .id(account), reward: reward, on: store, at: later)
            #expect(try await store.profile(.id(account))?.hasPassword == false, "nor does a code sent before")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a password and an address from before the change stay`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var person = AccountFixture.named("alice")
            person.password = "mine"
            let account = try await person.registered(on: store)
            _ = try await fixture.startEmail(
                .address(begunIn: nil), of: .id(account), address: "a@example.com", on: store)
            _ = try await fixture.proveEmail(of: .id(account), on: store)
            try await fixture.changeNumber(of: account, to: old, on: store)
            let later = Timestamp.noon.adding(seconds: 60)
            try await fixture.changeNumber(of: account, to: new, undo: "undo", on: store, at: later)
            #expect(try await fixture.undo("undo", on: store, at: later) == .undone)
            let profile = try #require(try await store.profile(.id(account)))
            #expect(profile.hasPassword && profile.email == AccountAddress("a@example.com", isProven: true))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a link of an account that is gone does nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await takenOver(store)
            _ = try await store.delete(account, pseudonym: "deleted-1", from: .home, at: .noon)
            #expect(try await fixture.undo("undo", on: store) == .gone)
            #expect(try await store.count("account_phone") == 0)
        }
    }
}
