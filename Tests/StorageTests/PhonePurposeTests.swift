import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import PhoneLogin

/// An app's login and a browser's sign-in of one number at one client: two codes, and neither opens the other.
@Suite struct PhonePurposeTests {
    private let browser = PhoneLoginFixture.inBrowser()
    private let app = PhoneLoginFixture()

    @Test(arguments: Backend.allCases)
    func `a browser's code makes no authorization code, and an app's code no session`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            _ = try await browser.start("of a browser", code: "111111", on: store)
            _ = try await app.start("of an app", code: "222222", on: store)
            for _ in 0..<20 {
                #expect(try await app.guess("111111", at: "of a browser", on: store) == .unknown)
                #expect(try await browser.guess("222222", at: "of an app", on: store) == .unknown)
            }
            for table in ["session", "authorization_code", "token_grant", "account"] {
                #expect(try await store.count(table) == 0)
            }
            #expect(try await store.count("phone_challenge", where: "guesses = 0") == 2, "nothing was compared")
            #expect(try await store.log().allSatisfy { $0.kind == .operationUnknown })

            #expect(try await browser.guess("111111", at: "of a browser", on: store).kind == .passed)
            #expect(try await store.count("session") == 1)
            #expect(try await store.count("authorization_code") == 0)
            #expect(try await app.guess("222222", at: "of an app", on: store).kind == .passed)
            #expect(try await store.count("session") == 1)
            #expect(try await store.count("authorization_code") == 1)
            #expect(try await store.count("account") == 1, "the same person, by either way")
        }
    }

    @Test(arguments: Backend.allCases, ["another browser", "", "Browser", "browser "])
    func `another browser's guess is unknown and counts nothing`(
        on backend: Backend, _ name: String
    ) async throws {
        try await backend.withStore { store in
            let stranger = PhoneLoginFixture.inBrowser(name)
            _ = try await browser.start("operation", on: store)
            for _ in 0..<20 {
                #expect(try await stranger.guess("246802", at: "operation", on: store) == .unknown)
                #expect(try await stranger.guess("999999", at: "operation", on: store) == .unknown)
            }
            #expect(try await store.count("phone_challenge", where: "guesses = 0") == 1)
            #expect(try await store.count("session") == 0)
            #expect(try await browser.guess("246802", at: "operation", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `each purpose has a code and guesses of its own`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await browser.start("of a browser", code: "111111", on: store)
            _ = try await app.start("of an app", code: "222222", on: store)
            #expect(try await app.takeTexts(on: store).sorted() == ["111111", "222222"])

            for _ in 0..<5 { _ = try await app.guess("111111", at: "of an app", on: store) }
            #expect(try await app.guess("222222", at: "of an app", on: store) == .exhausted)
            #expect(try await browser.guess("222222", at: "of a browser", on: store) == .wrong)
            #expect(try await browser.guess("111111", at: "of a browser", on: store).kind == .passed)
            #expect(try await app.start(on: store).kind == .exhausted, "the other one's success resets nothing")
        }
    }

    @Test(arguments: Backend.allCases)
    func `the number's budget is one, whichever the purpose`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var (browser, app) = (browser, app)
            browser.guessesPerNumber = Limit(count: 3, windowSeconds: 3600)
            app.guessesPerNumber = Limit(count: 3, windowSeconds: 3600)
            _ = try await browser.start("of a browser", code: "111111", on: store)
            _ = try await app.start("of an app", code: "222222", on: store)
            #expect(try await app.guess("999999", at: "of an app", on: store) == .wrong)
            for _ in 0..<2 { #expect(try await browser.guess("999999", at: "of a browser", on: store) == .wrong) }
            #expect(try await browser.guess("111111", at: "of a browser", on: store).kind == .limited)
            #expect(try await app.guess("222222", at: "of an app", on: store).kind == .limited)
        }
    }

    @Test(arguments: Backend.allCases)
    func `browsers that ask for one number share the code, and the first to type it leaves none`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let other = PhoneLoginFixture.inBrowser("another browser")
            _ = try await browser.start("first", code: "111111", on: store)
            _ = try await other.start("second", code: "222222", on: store)
            #expect(try await browser.takeTexts(on: store) == ["111111", "111111"])
            #expect(try await other.guess("111111", at: "second", on: store).kind == .passed)
            #expect(try await browser.guess("111111", at: "first", on: store) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `parallel starts of both purposes open one code each`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let starts = try await race(32) { [browser, app] index in
                try await (index.isMultiple(of: 2) ? browser : app).start(on: stores.turn(index)).kind
            }
            #expect(starts.allSatisfy { $0 == .started })
            #expect(try await stores[0].count("phone_challenge", where: "purpose = 'session'") == 1)
            #expect(try await stores[0].count("phone_challenge", where: "purpose = 'code'") == 1)
            #expect(try await stores[0].count("phone_operation") == 32)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 browsers' right guesses at one sign-in one passes`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await browser.start("operation", on: stores[0])
            let outcomes = try await race(16) { [browser] index in
                try await browser.guess("246802", at: "operation", on: stores.turn(index)).kind
            }
            #expect(outcomes.count { $0 == .passed } == 1)
            #expect(outcomes.count { $0 == .unknown } == 15)
            #expect(try await stores[0].count("session") == 1)
        }
    }
}

/// A server of 0.1.0 stops in the middle of its work, and 0.2.0 goes on with its database.
@Suite struct RedirectLoginMigrationTests {
    private let login = PhoneLoginFixture()
    private let client = TokenFixture()

    @Test(arguments: Backend.allCases)
    func `logins, codes and tokens of the release before go on`(on backend: Backend) async throws {
        try await backend.withEmptyDatabase { database in
            let store = try await database.open()
            try await migrateToTheFirst(store)
            try await fill(store)
            #expect(try await store.pendingMigrations().map(\.name).first == "0002 redirect login")
            try await store.migrate(at: .noon)
            #expect(try await store.pendingMigrations().isEmpty)

            // The login that was under way: the code in the person's hand is still good.
            #expect(try await login.guess("999999", at: "operation", on: store) == .wrong)
            guard case .passed(let passed) = try await login.guess("246802", at: "operation", on: store) else {
                Issue.record("the code must still pass")
                return
            }
            #expect(
                passed.continuation
                    == .redirect(uri: "https://game.example/callback", state: "a state of the client's"))
            #expect(passed.account == AccountID("account"))

            guard case .redeemed(let grant, let nonce) = try await client.redeem("code", on: store) else {
                Issue.record("the authorization code must still redeem")
                return
            }
            #expect(grant.session == nil && nonce == nil)
            #expect(grant.scope.text == "offline")
            #expect(try await client.rotate("refresh token", to: "successor", on: store).grant?.id == GrantID("living"))
        }
    }

    @Test(arguments: Backend.allCases)
    func `guesses made before the migration count after it`(on backend: Backend) async throws {
        try await backend.withEmptyDatabase { database in
            let store = try await database.open()
            try await migrateToTheFirst(store)
            try await fill(store)
            try await store.migrate(at: .noon)
            for _ in 0..<2 { #expect(try await login.guess("999999", at: "operation", on: store) == .wrong) }
            #expect(try await login.guess("999999", at: "operation", on: store) == .exhausted)
            #expect(try await login.start(on: store).kind == .exhausted, "a resend joins the code that is there")
            #expect(try await PhoneLoginFixture.inBrowser().start(on: store).kind == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number of the release before signs in to its account in a browser`(on backend: Backend) async throws {
        try await backend.withEmptyDatabase { database in
            let store = try await database.open()
            try await migrateToTheFirst(store)
            try await fill(store)
            try await store.migrate(at: .noon)
            let account = try await PhoneLoginFixture.inBrowser().beginSession("session", on: store)
            #expect(account == AccountID("account"))
            try await store.endSessions(of: account, andTokens: false, from: .home, at: .noon)
            #expect(try await store.isActive(tokenID: "access token", grant: GrantID("living")))
        }
    }

    private func migrateToTheFirst(_ store: SQLStore) async throws {
        let first = try #require(Migration.all.first)
        #expect(first.name == "0001 phone login")
        try await store.migrate([first], at: .noon)
    }

    /// What 0.1.0 wrote: an account, a login under way with two wrong guesses, a code and a refresh token.
    private func fill(_ store: SQLStore) async throws {
        let (noon, later) = (Timestamp.noon, Timestamp.noon.adding(seconds: 180))
        let (number, game) = (login.phone.e164, ClientID("game"))
        let redirect = "https://game.example/callback"
        let code = login.codeSeal.seal(OneTimeCode(digits: "246802"), challenge: "challenge")
        let statements: [SQLStatement] = [
            "INSERT INTO account (id, created_at) VALUES ('account', \(noon))",
            """
            INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
            VALUES (\(number), 'account', \(noon), \(noon))
            """,
            """
            INSERT INTO phone_challenge (id, client_id, number, device, code, guesses, expires_at)
            VALUES ('challenge', \(game), \(number), '', \(code), 2, \(later))
            """,
            """
            INSERT INTO phone_operation (id, challenge_id, state, scope, redirect_uri, redirect_requested, expires_at)
            VALUES ('operation', 'challenge', 'a state of the client''s', 'offline', \(redirect), 0, \(later))
            """,
            """
            INSERT INTO token_grant (id, account_id, client_id, scope, authenticated_at, methods, expires_at)
            VALUES ('new', 'account', \(game), 'offline', \(noon), 'otp sms', \(later)),
                ('living', 'account', \(game), 'offline', \(noon), 'otp sms', \(later))
            """,
            """
            INSERT INTO authorization_code (digest, grant_id, client_id, redirect_uri, redirect_requested, expires_at)
            VALUES (\(SHA256Digest(of: "code")), 'new', \(game), \(redirect), 0, \(later))
            """,
            """
            INSERT INTO refresh_token (digest, grant_id, client_id, expires_at)
            VALUES (\(SHA256Digest(of: "refresh token")), 'living', \(game), \(later))
            """,
        ]
        for statement in statements { try await store.run(statement) }
    }
}
