import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// Several engines at one database, all at once: what one of them decided binds the others.
@Suite struct PhoneLoginRaceTests {
    private let login = PhoneLoginFixture()

    @Test(arguments: Backend.allCases)
    func `of 64 parallel wrong guesses no more are compared than are allowed`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await login.start("operation", on: stores[0])
            let outcomes = try await race(64) { [login] index in
                try await login.guess("999999", at: "operation", on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .wrong } == login.maxGuesses - 1)
            #expect(outcomes.count { $0 == .exhausted } == 64 - login.maxGuesses + 1)
            // Each comparison wrote its line, in the same transaction.
            #expect(try await stores[1].log().count == login.maxGuesses)
            #expect(try await login.guess("246802", at: "operation", on: stores[2]) == .exhausted)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 parallel right guesses one passes`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await login.start("operation", on: stores[0])
            let outcomes = try await race(16) { [login] index in
                try await login.guess("246802", at: "operation", on: stores.turn(index))
            }
            #expect(outcomes.count { $0.kind == .passed } == 1)
            #expect(outcomes.count { $0 == .unknown } == 15)
            #expect(try await stores[0].count("authorization_code") == 1)
            #expect(try await stores[0].count("token_grant") == 1)
            #expect(try await stores[0].count("account") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `guesses on many operations at once share one number's budget`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let logins = (0..<40).map { number in
                var login = login
                login.client = .fixture("game \(number)")
                login.guessesPerNumber = Limit(count: 10, windowSeconds: 3600)
                return login
            }
            _ = try await race(40) { try await logins[$0].start("operation \($0)", on: stores.turn($0)) }
            let outcomes = try await race(40) { index in
                try await logins[index].guess("999999", at: "operation \(index)", on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .wrong } == 10)
            #expect(outcomes.count { $0.kind == .limited } == 30)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of parallel starts inside the cooldown exactly one sends a text`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let cooldown = try known(
                LimitCharge(.resendCooldown, Limit(count: 1, windowSeconds: 30), subject: "+819012345678"))
            let starts = try await race(32) { [login] index in
                try await login.start(charging: [cooldown], on: stores.turn(index)).kind
            }
            #expect(starts.count { $0 == .started } == 1)
            #expect(starts.count { $0 == .limited } == 31)
            #expect(try await stores[0].count("message") == 1)
            #expect(try await stores[0].count("phone_operation") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `parallel starts without a cooldown share one code`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let starts = try await race(16) { [login] index in
                try await login.start("operation \(index)", code: "\(100_000 + index)", on: stores.turn(index)).kind
            }
            #expect(starts.allSatisfy { $0 == .started })
            #expect(try await stores[0].count("phone_challenge") == 1)
            let texts = try await login.takeTexts(on: stores[0])
            #expect(texts.count == 16)
            #expect(Set(texts).count == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a resend that races a right guess opens at most one more login`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<20 {
                _ = try await login.start("before \(round)", on: stores[0])
                async let guess = login.guess("246802", at: "before \(round)", on: stores[0])
                async let start = login.start("after \(round)", code: "777777", on: stores[1])
                let (guessed, started) = try await (guess, start)
                #expect(guessed.kind == .passed)
                #expect(started.kind == .started)
                // Joined before the guess: dead with it. Opened after it: a code of its own.
                let old = try await login.guess("246802", at: "after \(round)", on: stores[1])
                #expect(old == .unknown || old == .wrong)
                try await stores[0].run("DELETE FROM phone_challenge")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `first logins of one number at two clients make one account`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let logins = (0..<8).map { number in
                var login = login
                login.client = .fixture("game \(number)")
                return login
            }
            for (index, login) in logins.enumerated() { _ = try await login.start("operation \(index)", on: stores[0]) }
            let outcomes = try await race(8) { index in
                try await logins[index].guess("246802", at: "operation \(index)", on: stores.turn(index))
            }
            let accounts = outcomes.compactMap { outcome in
                if case .passed(let passed) = outcome { passed.account } else { nil }
            }
            #expect(accounts.count == 8)
            #expect(Set(accounts).count == 1)
            #expect(try await stores[0].count("account") == 1)
            #expect(try await stores[0].count("account_phone") == 1)
        }
    }
}
