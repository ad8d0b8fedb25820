import AccountManagement
import Accounts
import Cryptography
import DeveloperLog
import JOSE
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// Who becomes a user, and who gets what two people want.
@Suite struct RegistrationActTests {
    /// One thing that two registrations may both want, each besides a name of its own.
    static let wishes: [(field: AccountField, make: @Sendable (String) -> AccountFixture)] = [
        (.loginName, { _ in .named("Alice") }),
        (
            .number,
            { name in
                var fixture = AccountFixture.named(name)
                fixture.number = "+819012345678"
                return fixture
            }
        ),
        (
            .email,
            { name in
                var fixture = AccountFixture.named(name)
                fixture.email = "alice@example.com"
                return fixture
            }
        ),
    ]

    @Test(arguments: Backend.allCases, wishes.indices)
    func `of 16 registrations that want the same one wins, and nothing of the others remains`(
        on backend: Backend, _ wish: Int
    ) async throws {
        let (field, make) = Self.wishes[wish]
        try await backend.withStores(4) { stores in
            let outcomes = try await race(16) { index in
                var fixture = make("user\(index)")
                fixture.properties = [AccountProperty(name: "score", value: 1)]
                return try await fixture.register(
                    "account \(index)", signIn: fixture.newSignIn("token \(index)"), on: stores.turn(index))
            }
            #expect(outcomes.compactMap(\.profile).count == 1)
            #expect(outcomes.compactMap(\.taken) == Array(repeating: field, count: 15))
            for table in ["account", "account_property", "token_grant", "opaque_token", "refresh_token"] {
                #expect(try await stores[0].count(table) == 1, "of \(table)")
            }
            #expect(try await stores[0].count("address_claim") == (field == .loginName ? 0 : 1))
            let winner = try #require(outcomes.compactMap(\.profile).first?.id)
            #expect(try await stores[0].count("account", where: "id = '\(winner.rawValue)'") == 1)
        }
    }

    @Test(arguments: Backend.allCases, ["alice", "ALICE", "ａｌｉｃｅ", "alic\u{00AD}e"])
    func `names that look alike are one name`(on backend: Backend, _ name: String) async throws {
        try await backend.withStore { store in
            try await AccountFixture.named("Alice").registered(on: store)
            #expect(try await AccountFixture.named(name).register(on: store).taken == .loginName)
            #expect(try await store.count("account") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `several take part in nothing else than what they gave`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for index in 0..<3 { try await AccountFixture().registered("account \(index)", on: store) }
            #expect(try await store.count("account") == 3, "no name is nobody's name")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number and an address that wait to be proved are anybody's until then`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for index in 0..<2 {
                var fixture = AccountFixture.named("user\(index)")
                (fixture.number, fixture.email, fixture.verifies) = ("+819012345678", "alice@example.com", true)
                let profile = try #require(try await fixture.register(on: store).profile)
                #expect(profile.number == nil && profile.email == nil)
                #expect(profile.pendingNumber == "+819012345678")
                #expect(profile.pendingEmail == "alice@example.com")
            }
            #expect(try await store.profile(.number("+819012345678")) == nil, "waiting is not having")
            #expect(try await store.profile(.email(try known(FoldedText("alice@example.com")))) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `whoever proved a number keeps it from whoever only says it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let alice = try await PhoneLoginFixture().signIn(on: store).account
            var claimant = AccountFixture.named("mallory")
            claimant.number = "+819012345678"
            #expect(try await claimant.register(on: store).taken == .number)
            #expect(try await store.profile(.number("+819012345678"))?.id == alice)
            #expect(try await store.count("account") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `whoever proves a number takes it from whoever only said it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var claimant = AccountFixture.named("mallory")
            claimant.number = "+819012345678"
            let mallory = try await claimant.registered(on: store)
            #expect(try await store.profile(.id(mallory))?.number == AccountAddress("+819012345678", isProven: false))

            let alice = try await PhoneLoginFixture().signIn(on: store).account
            #expect(alice != mallory, "a claim opens nobody's account to its number")
            #expect(try await store.profile(.id(mallory))?.number == nil)
            #expect(try await store.profile(.number("+819012345678"))?.id == alice)
            #expect(try await store.count("address_claim") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of a first login and a registration that race, the login keeps the number`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<10 {
                let number = "+8190000000\(10 + round)"
                var login = PhoneLoginFixture()
                login.phone = .init(trusted: number, region: "JP", lineType: .mobile)
                var fixture = AccountFixture.named("user\(round)")
                fixture.number = number
                async let registration = fixture.register(on: stores[0])
                async let account = login.signIn(on: stores[1]).account
                let (outcome, owner) = try await (registration, account)
                #expect(outcome.taken == nil || outcome.taken == .number)
                #expect(try await stores[0].profile(.number(number))?.id == owner)
                #expect(try await stores[0].count("address_claim", where: "key = '\(number)'") == 0)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `properties that are too large keep the whole registration out`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var fixture = AccountFixture.named("alice")
            fixture.number = "+819012345678"
            let text = String(repeating: "a", count: AccountProperty.totalLimit)
            fixture.properties = [AccountProperty(name: "large", value: .string(text))]
            let outcome = try? await fixture.register(on: store)
            #expect(outcome?.profile == nil)
            var kept = try await store.count("account")
            for table in ["address_claim", "account_property"] { kept += try await store.count(table) }
            #expect(kept == 0)
        }
    }
}
