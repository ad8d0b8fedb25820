import Accounts
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct PhoneGuessTests {
    private let login = PhoneLoginFixture()

    @Test(arguments: Backend.allCases)
    func `the right code passes and brings back what the operation remembered`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("operation", code: "000042", on: store)
            let outcome = try await login.guess("000042", at: "operation", on: store)
            guard case .passed(let passed) = outcome else {
                Issue.record("the right code must pass")
                return
            }
            let remembered = PassedOperation.Continuation.redirect(
                uri: "https://game.example/callback", state: "state-of-the-client")
            #expect(passed.continuation == remembered)
            #expect(try await store.account(.number("+819012345678")) == Account(id: passed.account, isDisabled: false))
        }
    }

    /// One deviation each from the guess that passes.
    static let strangers: [(String, @Sendable (inout PhoneLoginFixture) -> Void)] = [
        ("another client", { $0.client = .fixture("another-game") }),
        ("another number", { $0.phone = .bob }),
    ]

    @Test(arguments: Backend.allCases, strangers)
    func `the right code from a stranger is unknown and costs its owner nothing`(
        on backend: Backend, _ stranger: (name: String, change: @Sendable (inout PhoneLoginFixture) -> Void)
    ) async throws {
        try await backend.withStore { store in
            _ = try await login.start("operation", code: "111111", on: store)
            var other = login
            stranger.change(&other)
            for _ in 0..<20 {
                #expect(try await other.guess("111111", at: "operation", on: store) == .unknown)
            }
            #expect(try await store.log().allSatisfy { $0.kind == .operationUnknown })
            #expect(try await login.guess("111111", at: "operation", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `another login's operation is unknown to this code`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var bob = login
            bob.phone = .bob
            _ = try await login.start("of alice", code: "111111", on: store)
            _ = try await bob.start("of bob", code: "222222", on: store)
            #expect(try await login.guess("111111", at: "of bob", on: store) == .unknown)
            #expect(try await login.guess("111111", at: "nobody's", on: store) == .unknown)
            #expect(try await login.guess("222222", at: "of alice", on: store) == .wrong)
        }
    }

    static let wrongCodes = [
        "246803", "24680", "2468020", "", " 246802", "246802 ", "２４６８０２", "246802\u{0}", "%", "_", "246802'--",
    ]

    @Test(arguments: Backend.allCases, wrongCodes)
    func `whatever is not the code is a wrong guess that counts`(on backend: Backend, _ code: String) async throws {
        try await backend.withStore { store in
            _ = try await login.start("operation", on: store)
            for _ in 0..<4 { #expect(try await login.guess(code, at: "operation", on: store) == .wrong) }
            #expect(try await login.guess(code, at: "operation", on: store) == .exhausted)
            #expect(try await login.guess("246802", at: "operation", on: store) == .exhausted)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code ends at the very millisecond`(on backend: Backend) async throws {
        let expiry = Timestamp.noon.adding(seconds: 180)
        try await backend.withStore { store in
            _ = try await login.start("operation", on: store)
            #expect(try await login.guess("246802", at: "operation", on: store, now: expiry) == .unknown)
            // The clock was wrong and is set back.
            let before = expiry.adding(milliseconds: -1)
            #expect(try await login.guess("246802", at: "operation", on: store, now: before).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a right guess kills the code and every operation that shares it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for operation in ["first", "second", "third"] { _ = try await login.start(operation, on: store) }
            #expect(try await login.guess("246802", at: "second", on: store).kind == .passed)
            for operation in ["first", "second", "third"] {
                #expect(try await login.guess("246802", at: operation, on: store) == .unknown)
            }
            #expect(try await store.count("phone_challenge") == 0)
            #expect(try await store.count("phone_operation") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a login after a login gets a code and guesses of its own`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(on: store)
            _ = try await login.start("next", code: "777777", on: store)
            for _ in 0..<4 { #expect(try await login.guess("135791", at: "next", on: store) == .wrong) }
            #expect(try await login.guess("777777", at: "next", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `one wrong guess is one line in the log, and the last one says so`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("operation", on: store)
            for _ in 0..<5 { _ = try await login.guess("999999", at: "operation", on: store) }
            let events = try await store.log()
            #expect(events.map(\.kind) == [SecurityEvent.Kind](repeating: .guessWrong, count: 5))
            #expect(events.map(\.reason).last == "wrong code, no guess left")
            #expect(events.allSatisfy { $0.phone == "+8190****5678" && $0.address == "203.0.113.7" })
        }
    }

    @Test(arguments: Backend.allCases)
    func `the address' limit refuses a guess before it is counted`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.confirmPerIP, Limit(count: 2, windowSeconds: 60), subject: "address"))
            _ = try await login.start("operation", on: store)
            for _ in 0..<2 {
                #expect(try await login.guess("999999", at: "operation", charging: [charge], on: store) == .wrong)
            }
            for _ in 0..<10 {
                let outcome = try await login.guess("246802", at: "operation", charging: [charge], on: store)
                #expect(
                    outcome == .limited(LimitRefusal(name: .confirmPerIP, limit: charge.limit, retryAfterSeconds: 30)))
            }
            #expect(try await store.log().last?.kind == .guessRefused)
            #expect(try await login.guess("246802", at: "operation", on: store).kind == .passed)
        }
    }
}

@Suite struct GuessBudgetTests {
    private var login: PhoneLoginFixture {
        var login = PhoneLoginFixture()
        login.guessesPerNumber = Limit(count: 3, windowSeconds: 3600)
        return login
    }

    @Test(arguments: Backend.allCases)
    func `a number's budget holds over operations, codes and clients`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var outcomes: [PhoneGuessOutcome.Kind] = []
            for attempt in 0..<20 {
                var login = login
                login.client = .fixture("game \(attempt)")
                _ = try await login.start("operation \(attempt)", on: store)
                outcomes.append(try await login.guess("999999", at: "operation \(attempt)", on: store).kind)
            }
            #expect(outcomes.count { $0 == .wrong } == 3)
            #expect(outcomes.count { $0 == .limited } == 17)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the right code is refused too once the budget is gone, and passes when it is back`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var login = login
            login.lifetimeSeconds = 7200
            _ = try await login.start("operation", on: store)
            for _ in 0..<3 { #expect(try await login.guess("999999", at: "operation", on: store) == .wrong) }
            let refused = try await login.guess("246802", at: "operation", on: store)
            #expect(
                refused
                    == .limited(
                        LimitRefusal(
                            name: .guessesPerNumber, limit: try known(login.guessesPerNumber), retryAfterSeconds: 1200))
            )
            let later = Timestamp.noon.adding(seconds: 1200)
            let justBefore = later.adding(milliseconds: -1)
            #expect(try await login.guess("246802", at: "operation", on: store, now: justBefore).kind == .limited)
            #expect(try await login.guess("246802", at: "operation", on: store, now: later).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `right guesses cost nothing of the budget`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for _ in 0..<10 { try await login.signIn(on: store) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `guesses that are not compared cost nothing of the budget`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var login = login
            login.maxGuesses = 1
            _ = try await login.start("one", on: store)
            #expect(try await login.guess("999999", at: "one", on: store) == .exhausted)
            for _ in 0..<10 { #expect(try await login.guess("999999", at: "one", on: store) == .exhausted) }

            login.client = .fixture("another-game")
            _ = try await login.start("two", on: store)
            #expect(try await login.guess("246802", at: "two", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `strangers who burn a number's budget leave its known device alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var known = login
            known.device = .phoneOfAlice
            for attempt in 0..<4 {
                var stranger = login
                stranger.client = .fixture("game \(attempt)")
                _ = try await stranger.start("stranger \(attempt)", on: store)
                _ = try await stranger.guess("999999", at: "stranger \(attempt)", on: store)
            }
            _ = try await login.start("without a device", on: store)
            #expect(try await login.guess("246802", at: "without a device", on: store).kind == .limited)

            _ = try await known.start("known", code: "333333", on: store)
            #expect(try await known.guess("999999", at: "known", on: store) == .wrong)
            #expect(try await known.guess("333333", at: "known", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a known device has a budget too`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var known = login
            known.device = .phoneOfAlice
            _ = try await known.start("operation", on: store)
            for _ in 0..<3 { #expect(try await known.guess("999999", at: "operation", on: store) == .wrong) }
            #expect(try await known.guess("246802", at: "operation", on: store).kind == .limited)
        }
    }
}
