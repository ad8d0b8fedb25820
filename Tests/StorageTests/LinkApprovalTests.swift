import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// What stands for the code once an app's link was approved, and who hears of it.
@Suite struct LinkApprovalTests {
    private var app: PhoneLoginFixture {
        var app = PhoneLoginFixture()
        app.linkToken = "link"
        return app
    }

    @Test(arguments: Backend.allCases)
    func `an approval is a wrong code until the person has said yes`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await app.start("operation", on: store)
            for _ in 0..<2 {
                #expect(try await app.guess("approved operation", at: "operation", on: store) == .wrong)
            }
            #expect(try await store.count("phone_challenge", where: "guesses = 2") == 1)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await app.guess("approved operation", at: "operation", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an approval is of one operation, even among those that share the code`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for operation in ["first", "second"] { _ = try await app.start(operation, on: store) }
            _ = try await app.decide(true, of: "first", on: store)
            for guess in ["approved first", "approved second"] {
                #expect(try await app.guess(guess, at: "second", on: store) == .wrong)
            }
            #expect(try await app.guess("approved second", at: "first", on: store) == .wrong)
            #expect(try await app.guess("approved first", at: "first", on: store).kind == .passed)
            #expect(try await app.guess("246802", at: "second", on: store) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 that bring one approval one passes`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await app.start("operation", on: stores[0])
            _ = try await app.decide(true, of: "operation", on: stores[1])
            let outcomes = try await race(16) { [app] index in
                try await app.guess("approved operation", at: "operation", on: stores.turn(index)).kind
            }
            #expect(outcomes.count { $0 == .passed } == 1)
            #expect(outcomes.count { $0 == .unknown } == 15)
            #expect(try await stores[0].count("authorization_code") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `strangers who used up the guesses do not take the approval along`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var app = app
            app.guessesPerNumber = Limit(count: 5, windowSeconds: 3600)
            _ = try await app.start("operation", on: store)
            for _ in 0..<5 { _ = try await app.guess("999999", at: "operation", on: store) }
            #expect(try await app.guess("246802", at: "operation", on: store).kind != .passed)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await app.guess("approved operation", at: "operation", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the texted code is good after a yes too, and dead after a no`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await app.start("operation", on: store)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await app.guess("246802", at: "operation", on: store).kind == .passed)

            _ = try await app.start("denied", on: store)
            _ = try await app.decide(false, of: "denied", on: store)
            for guess in ["246802", "approved denied"] {
                #expect(try await app.guess(guess, at: "denied", on: store) == .unknown)
            }
            #expect(try await store.count("authorization_code") == 1)
        }
    }

    /// One deviation each from who began.
    static let strangers: [(name: String, change: @Sendable (inout PhoneLoginFixture) -> Void)] = [
        ("another client", { $0.client = .fixture("another-game") }), ("another number", { $0.phone = .bob }),
        ("a browser", { $0.browser = "browser" }),
    ]

    @Test(arguments: Backend.allCases, strangers)
    func `what became of a link is nobody's business but of who began`(
        on backend: Backend, _ stranger: (name: String, change: @Sendable (inout PhoneLoginFixture) -> Void)
    ) async throws {
        try await backend.withStore { store in
            var other = app
            stranger.change(&other)
            _ = try await app.start("operation", on: store)
            #expect(try await other.linkState(of: "operation", on: store) == .gone)
            #expect(try await app.linkState(of: "operation", on: store) == .waiting)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await other.linkState(of: "operation", on: store) == .gone)
            #expect(try await app.linkState(of: "operation", on: store) == .approved)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a browser's link is told to that browser alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let login = PhoneLoginFixture.inBrowser()
            _ = try await login.start("operation", on: store)
            for browser in ["another browser", ""] {
                #expect(try await PhoneLoginFixture.inBrowser(browser).linkState(of: "operation", on: store) == .gone)
            }
            #expect(try await app.linkState(of: "operation", on: store) == .gone)
            #expect(try await login.linkState(of: "nobody's", on: store) == .gone)
            #expect(try await login.linkState(of: "operation", on: store) == .waiting)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a login that is finished or over has no link any more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await app.start("operation", on: store)
            let end = Timestamp.noon.adding(seconds: 180)
            #expect(try await app.linkState(of: "operation", on: store, at: end.adding(milliseconds: -1)) == .waiting)
            #expect(try await app.linkState(of: "operation", on: store, at: end) == .gone)
            _ = try await app.guess("246802", at: "operation", on: store)
            #expect(try await app.linkState(of: "operation", on: store) == .gone)
        }
    }

    @Test(arguments: Backend.allCases)
    func `polls have a limit, which strangers' polls count against too`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.pollPerIP, Limit(count: 2, windowSeconds: 60), subject: "address"))
            _ = try await app.start("operation", on: store)
            #expect(try await app.linkState(of: "nobody's", charging: [charge], on: store) == .gone)
            #expect(try await app.linkState(of: "operation", charging: [charge], on: store) == .waiting)
            let refusal = LimitRefusal(name: .pollPerIP, limit: charge.limit, retryAfterSeconds: 30)
            #expect(try await app.linkState(of: "operation", charging: [charge], on: store) == .limited(refusal))
            #expect(try await app.linkState(of: "nobody's", charging: [charge], on: store) == .limited(refusal))
        }
    }
}
