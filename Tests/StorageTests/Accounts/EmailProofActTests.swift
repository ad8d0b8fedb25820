import AccountManagement
import Accounts
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// An account proves that an e-mail address is its own.
@Suite struct EmailProofActTests {
    private let fixture = AccountFixture()
    private let mail = "Alice@Example.com"
    private let here = SignInAnchor.grant(GrantID("here"))

    private func key(_ text: String) throws -> LoginIdentifier { .email(try known(FoldedText(text))) }

    /// An account whose address waits since a registration.
    private func newcomer(_ name: String = "alice", on store: SQLStore) async throws -> AccountID {
        var newcomer = AccountFixture.named(name)
        (newcomer.email, newcomer.verifies) = (mail, true)
        return try await newcomer.registered(on: store)
    }

    @Test(arguments: Backend.allCases)
    func `a proven address is the account's, however it is written`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await newcomer(on: store)
            let start = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            #expect(start == .started)
            let messages = try await fixture.takeMessages(on: store)
            #expect(messages.map(\.recipient) == [mail] && messages.map(\.body) == ["135791"])
            #expect(try await fixture.proveEmail(of: try key("ａlice@example.COM"), on: store) == .proven(account))
            #expect(try await store.profile(.id(account))?.email == AccountAddress(mail, isProven: true))
            #expect(try await store.profile(try key("alice@example.com"))?.id == account)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of several who race for one address one gets it`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            var accounts: [AccountID] = []
            for index in 0..<8 {
                let account = try await newcomer("user\(index)", on: stores[0])
                _ = try await fixture.startEmail(
                    .address(begunIn: nil), of: .id(account), address: mail, on: stores[0])
                accounts.append(account)
            }
            let outcomes = try await race(8) { [fixture, accounts] index in
                try await fixture.proveEmail(of: .id(accounts[index]), on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .taken } == 7)
            let owner = try #require(try await stores[0].profile(try key(mail))?.id)
            #expect(outcomes.contains(.proven(owner)))
            #expect(try await stores[0].count("account_email") == 1)
            #expect(try await stores[0].count("address_pending") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a proof takes the address from whoever only said it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var claimant = AccountFixture.named("mallory")
            claimant.email = mail
            let mallory = try await claimant.registered(on: store)
            let account = try await newcomer(on: store)
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            #expect(try await fixture.proveEmail(of: .id(account), on: store) == .proven(account))
            #expect(try await store.profile(.id(mallory))?.email == nil)
            #expect(try await store.profile(try key(mail))?.id == account)
            claimant.loginName = "another"
            #expect(try await claimant.register(on: store).taken == .email)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a change is finished in the sign-in that began it, and in no other`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await AccountFixture.named("alice").registered(on: store)
            let begun = EmailPurpose.address(begunIn: here)
            _ = try await fixture.startEmail(begun, of: .id(account), address: mail, on: store)
            for anchor in [nil, SignInAnchor.grant(GrantID("elsewhere"))] {
                #expect(try await fixture.proveEmail(of: .id(account), in: anchor, on: store) == .unknown)
            }
            #expect(try await store.log().last?.kind == .proofRefused)
            #expect(try await fixture.proveEmail(of: .id(account), in: here, on: store) == .proven(account))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code of one app opens nothing at another`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await newcomer(on: store)
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            var other = fixture
            other.client = .fixture("another game")
            let outcome = try await other.proveEmail(of: .id(account), on: store)
            #expect(outcome == .nothingPending || outcome == .unknown)
            #expect(try await store.profile(.id(account))?.email == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a password that was forgotten at one app is not reset at another`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await newcomer(on: store)
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            _ = try await fixture.proveEmail(of: .id(account), on: store)
            _ = try await fixture.startEmail(.passwordReset, of: .id(account), on: store)
            var other = fixture
            other.client = .fixture("another game")
            let outcome = try await other.proveEmail(
                of: .id(account), reward: try fixture.resetReward(to: "intruder"), on: store)
            #expect(outcome == .unknown)
            #expect(try await store.profile(.id(account))?.hasPassword == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `wrong codes count before they are compared, and the last one leaves none`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            let account = try await newcomer(on: stores[0])
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: stores[0])
            let outcomes = try await race(32) { [fixture] index in
                try await fixture.proveEmail("999999", of: .id(account), on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .wrong } == 4)
            #expect(outcomes.count { $0 == .exhausted } == 28)
            #expect(try await stores[0].log().count { $0.kind == .guessWrong } == 5, "what was compared was written")
            #expect(try await fixture.proveEmail(of: .id(account), on: stores[1]) == .exhausted)
        }
    }

    @Test(arguments: Backend.allCases)
    func `another mail while a code lives brings no new guesses`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await newcomer(on: store)
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            for _ in 0..<5 { _ = try await fixture.proveEmail("999999", of: .id(account), on: store) }
            _ = try await fixture.startEmail(.addressAgain, of: .id(account), code: "222222", on: store)
            #expect(try await fixture.proveEmail("222222", of: .id(account), on: store) == .exhausted)
        }
    }

    @Test(arguments: Backend.allCases)
    func `strangers who guess do not use up the code of a place that signed in before`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var fixture = fixture
            fixture.guessesPerNumber = Limit(count: 5, windowSeconds: 3600)
            var person = AccountFixture.named("alice")
            person.email = mail
            let account = LoginIdentifier.id(try await person.registered(on: store))
            let reward = try fixture.resetReward(to: "new password")
            _ = try await fixture.startEmail(.passwordReset, of: account, code: "111111", on: store)
            _ = try await fixture.startEmail(.passwordReset, of: account, isKnownPlace: true, code: "222222", on: store)
            for _ in 0..<9 { _ = try await fixture.proveEmail("222222", of: account, reward: reward, on: store) }
            #expect(
                try await fixture.proveEmail("111111", of: account, isKnownPlace: true, reward: reward, on: store)
                    == .wrong)
            let outcome = try await fixture.proveEmail(
                "222222", of: account, isKnownPlace: true, reward: reward, on: store)
            #expect(outcome != .exhausted && !outcome.isLimited)
            #expect(try await store.profile(account)?.hasPassword == true)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code is good to the last millisecond, once, and for its own purpose`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await newcomer(on: store)
            let end = Timestamp.noon.adding(seconds: fixture.emailCodeLifetimeSeconds)
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            let reset = try fixture.resetReward(to: "intruder")
            #expect(try await fixture.proveEmail(of: .id(account), reward: reset, on: store) == .unknown)
            #expect(try await fixture.proveEmail(of: .id(account), on: store, at: end) == .unknown)
            let before = end.adding(milliseconds: -1)
            #expect(try await fixture.proveEmail(of: .id(account), on: store, at: before) == .proven(account))
            #expect(try await fixture.proveEmail(of: .id(account), on: store, at: before) == .nothingPending)
            #expect(try await store.profile(.id(account))?.hasPassword == false)
        }
    }

    @Test(arguments: Backend.allCases, ["changed", "removed"])
    func `a code mailed to an address that is no longer the account's opens nothing`(
        on backend: Backend, _ way: String
    ) async throws {
        try await backend.withStore { store in
            let account = try await newcomer(on: store)
            _ = try await fixture.startEmail(.address(begunIn: nil), of: .id(account), address: mail, on: store)
            _ = try await fixture.proveEmail(of: .id(account), on: store)
            _ = try await fixture.startEmail(.passwordReset, of: .id(account), code: "333333", on: store)
            if way == "changed" {
                _ = try await fixture.startEmail(
                    .address(begunIn: nil), of: .id(account), address: "new@example.com", on: store)
                _ = try await fixture.proveEmail(of: .id(account), on: store)
            } else {
                try await store.removeEmail(of: account, from: .home, at: .noon)
            }
            let reward = try fixture.resetReward(to: "intruder")
            _ = try await fixture.proveEmail("333333", of: .id(account), reward: reward, on: store)
            #expect(try await store.profile(.id(account))?.hasPassword == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a reset by e-mail sets the password and ends every sign-in`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var person = AccountFixture.named("alice")
            person.email = mail
            let account = try await person.registered(signIn: fixture.newSignIn("token"), on: store)
            _ = try await fixture.startEmail(.passwordReset, of: try key(mail), on: store)
            let reward = try fixture.resetReward(to: "new password")
            #expect(try await fixture.proveEmail(of: try key(mail), reward: reward, on: store) == .proven(account))
            #expect(try await store.bearer("token") == nil)
            #expect(try await store.profile(.id(account))?.hasPassword == true)
            // Both were written in one moment, so nothing orders them.
            #expect(try await fixture.takeMessages(on: store).map(\.body).sorted() == ["135791", "done"])
            #expect(try await fixture.proveEmail(of: try key(mail), reward: reward, on: store) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `nobody's address, and an account without one, get no mail`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await AccountFixture.named("alice").registered(on: store)
            let identifiers = [try key(mail), .id(account), .id(AccountID("nobody"))]
            for identifier in identifiers {
                #expect(try await fixture.startEmail(.passwordReset, of: identifier, on: store) == .nothing)
                #expect(try await fixture.startEmail(.addressAgain, of: identifier, on: store) == .nothing)
            }
            #expect(try await store.count("message") == 0)
            #expect(try await store.count("email_challenge") == 0)
        }
    }
}
