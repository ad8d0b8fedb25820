import Accounts
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// An account proves that a number is its own (attack 14: numbers that change).
@Suite struct NumberProofActTests {
    private let fixture = AccountFixture()
    private let login = PhoneLoginFixture()
    private let old = PhoneNumber.alice.e164
    private let new = "+819011112222"
    private let here = SignInAnchor.grant(GrantID("here"))
    private let elsewhere = SignInAnchor.grant(GrantID("elsewhere"))

    @Test(arguments: Backend.allCases)
    func `a proven number takes the old one's place, and the old one hears of it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            _ = try await fixture.takeMessages(on: store)
            try await fixture.changeNumber(of: account, to: new, in: here, undo: "undo", on: store)
            #expect(try await store.profile(.id(account))?.number == AccountAddress(new, isProven: true))
            #expect(try await store.profile(.number(old)) == nil)
            #expect(try await store.profile(.number(new))?.id == account)
            let notice = try #require(try await fixture.takeMessages(on: store).last)
            #expect(notice == (recipient: old, body: "undo"))
            let line = try #require(try await store.log().last)
            #expect(line.kind == .numberChanged && line.accountID == account.rawValue)
            #expect(line.phone == PhoneNumber.alice.masked)
            #expect(line.figures?.contains(new) == false, "no line holds a whole number")
        }
    }

    @Test(arguments: Backend.allCases)
    func `of two who race for one number one gets it, and the other keeps what it had`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            let numbers = (0..<8).map { "+8190000000\(10 + $0)" }
            var accounts: [AccountID] = []
            for number in numbers {
                var login = login
                login.phone = PhoneNumber(trusted: number, region: "JP", lineType: .mobile)
                accounts.append(try await login.signIn(on: stores[0]).account)
            }
            for account in accounts {
                try await fixture.text(.number(begunIn: here), to: new, for: account, on: stores[0])
            }
            let outcomes = try await race(8) { [fixture, here, accounts] index in
                try await fixture.proveNumber(of: .id(accounts[index]), in: here, on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .taken } == 7)
            let owner = try #require(try await stores[0].profile(.number(new))?.id)
            #expect(outcomes.contains(.proven(owner)))
            for (account, number) in zip(accounts, numbers) where account != owner {
                let profile = try #require(try await stores[0].profile(.id(account)))
                #expect(profile.number == AccountAddress(number, isProven: true))
                #expect(profile.pendingNumber == nil, "nothing waits any more for what is gone")
            }
            #expect(try await stores[0].count("account_phone") == 8)
            #expect(try await stores[0].count("number_change") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a change finished after the number was taken fails, and the old number stays`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            try await fixture.text(.number(begunIn: here), to: new, for: account, on: store)
            var bob = login
            bob.phone = PhoneNumber(trusted: new, region: "JP", lineType: .mobile)
            let other = try await bob.signIn(on: store).account

            #expect(try await fixture.proveNumber(of: .id(account), in: here, ending: .all, on: store) == .taken)
            #expect(try await store.profile(.id(account))?.number == AccountAddress(old, isProven: true))
            #expect(try await store.profile(.number(new))?.id == other)
            #expect(try await store.log().last?.kind == .proofRefused)
            #expect(try await fixture.proveNumber(of: .id(account), in: here, on: store) == .nothingPending)
            #expect(try await login.signIn(on: store).account == account)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a change is finished in the sign-in that began it, and in no other`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            try await fixture.text(.number(begunIn: here), to: new, for: account, on: store)
            let strangers: [SignInAnchor?] = [nil, elsewhere, .session(SessionID("here"))]
            for anchor in strangers {
                #expect(try await fixture.proveNumber(of: .id(account), in: anchor, on: store) == .unknown)
            }
            #expect(try await store.profile(.id(account))?.number?.text == old)
            #expect(try await store.log().suffix(3).allSatisfy { $0.kind == .proofRefused })
            let outcome = try await fixture.proveNumber(of: .id(account), in: here, on: store)
            #expect(outcome == .proven(account), "what was tried elsewhere cost nothing here")
        }
    }

    @Test(arguments: Backend.allCases)
    func `the same text again keeps what the change is bound to`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            try await fixture.text(.number(begunIn: here), to: new, for: account, on: store)
            try await fixture.text(.numberAgain, to: new, for: account, on: store)
            #expect(try await fixture.proveNumber(of: .id(account), on: store) == .unknown)
            #expect(try await fixture.proveNumber(of: .id(account), in: here, on: store) == .proven(account))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number given at registration is finished by whoever has its code`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var newcomer = AccountFixture.named("alice")
            (newcomer.number, newcomer.verifies) = (new, true)
            let account = try await newcomer.registered(on: store)
            try await fixture.text(.number(begunIn: nil), to: new, for: account, on: store)
            #expect(try await fixture.proveNumber(of: .number(new), on: store) == .proven(account))
            #expect(try await store.profile(.id(account))?.number == AccountAddress(new, isProven: true))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number that another app waits for is not proved at this one`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            try await fixture.text(.number(begunIn: nil), to: new, for: account, on: store)
            var other = fixture
            other.client = .fixture("another game")
            #expect(try await other.proveNumber(of: .id(account), on: store) == .nothingPending)
            #expect(try await other.proveNumber(of: .number(new), on: store) == .nothingPending)
            #expect(try await fixture.proveNumber(of: .id(account), on: store) == .proven(account))
        }
    }

    @Test(arguments: Backend.allCases)
    func `wrong codes count, and the last one leaves none`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let account = try await login.signIn(on: stores[0]).account
            try await fixture.text(.number(begunIn: here), to: new, for: account, on: stores[0])
            let outcomes = try await race(32) { [fixture, here] index in
                try await fixture.proveNumber("999999", of: .id(account), in: here, on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .wrong } == 4)
            #expect(outcomes.count { $0 == .exhausted } == 28)
            #expect(try await fixture.proveNumber(of: .id(account), in: here, on: stores[1]) == .exhausted)
            let again = try await fixture.text(.numberAgain, to: new, for: account, on: stores[2])
            #expect(again.kind == .exhausted, "a resend resets nothing")
            #expect(try await stores[0].profile(.id(account))?.number?.text == old)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the number's budget holds over all accounts that want it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var fixture = fixture
            fixture.guessesPerNumber = Limit(count: 6, windowSeconds: 3600)
            var wrong: [NumberProofOutcome] = []
            for index in 0..<4 {
                let account = try await AccountFixture.named("user\(index)").registered(on: store)
                try await fixture.text(.number(begunIn: nil), to: new, for: account, on: store)
                for _ in 0..<2 { wrong.append(try await fixture.proveNumber("999999", of: .id(account), on: store)) }
            }
            #expect(wrong.prefix(6).allSatisfy { $0 == .wrong })
            #expect(wrong.suffix(2).count { $0.isLimited } == 2)
            #expect(try await store.log().last?.rule == "guessesPerNumber")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code is good to the last millisecond and no longer`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let end = Timestamp.noon.adding(seconds: fixture.codeLifetimeSeconds)
            let account = try await login.signIn(on: store).account
            try await fixture.text(.number(begunIn: here), to: new, for: account, on: store)
            #expect(try await fixture.proveNumber(of: .id(account), in: here, on: store, at: end) == .unknown)
            let before = end.adding(milliseconds: -1)
            #expect(
                try await fixture.proveNumber(of: .id(account), in: here, on: store, at: before) == .proven(account))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code opens no second time, and none opens what another was texted for`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            let reset = NumberProofReward.password(try AccountFixture.encoded("intruder"), notice: { _ in nil })
            try await fixture.text(.number(begunIn: nil), to: old, for: account, on: store)
            #expect(try await fixture.prove("246802", of: .id(account), reward: reset, on: store) == .unknown)
            #expect(try await fixture.proveNumber(of: .id(account), on: store) == .proven(account))
            #expect(try await fixture.proveNumber(of: .id(account), on: store) == .nothingPending)
            #expect(try await store.profile(.id(account))?.hasPassword == false)

            try await fixture.text(.passwordReset, to: old, for: account, on: store)
            #expect(try await fixture.proveNumber(of: .id(account), on: store) == .nothingPending)
            #expect(try await fixture.prove("246802", of: .id(account), reward: reset, on: store) == .proven(account))
            #expect(try await fixture.prove("246802", of: .id(account), reward: reset, on: store) == .unknown)
        }
    }
}
