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

/// The act of the authorization endpoint: a session becomes a code, or a question.
@Suite struct AuthorizationActTests {
    private let login = PhoneLoginFixture.inBrowser()
    private let asking = AuthorizationFixture()

    private var agreed: AuthorizationFixture { agreeing(in: "session") }

    private func agreeing(in session: String) -> AuthorizationFixture {
        var agreed = asking
        agreed.session = session
        agreed.isConsentGiven = true
        return agreed
    }

    @Test(arguments: Backend.allCases)
    func `a code brings the session's sign-in, and the nonce of the request`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.beginSession("session", on: store)
            let session = try #require(try await store.session("session"))
            var asking = agreed
            asking.scope = "openid phone"
            asking.nonce = "n-0S6_WzA2Mj"
            let later = Timestamp.noon.adding(seconds: 3600)
            #expect(try await asking.authorize(code: "code", on: store, at: later) == .issued)

            let redemption = try await TokenFixture().redeem("code", on: store, at: later)
            guard case .redeemed(let grant, let nonce) = redemption else {
                Issue.record("the code must redeem: \(redemption)")
                return
            }
            #expect(nonce == "n-0S6_WzA2Mj")
            #expect(grant.session == session.id)
            #expect(grant.account == account)
            #expect(grant.client == ClientID("game"))
            #expect(grant.scope.text == "openid phone")
            #expect(grant.authenticatedAt == .noon, "when the person signed in, not when the app asked")
            #expect(grant.methods == [.oneTimePassword, .sms])
            #expect(try await TokenFixture().redeem("code", on: store, at: later).kind == .replayed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a request without a nonce brings none`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            _ = try await agreed.authorize(code: "code", on: store)
            guard case .redeemed(_, let nonce) = try await TokenFixture().redeem("code", on: store) else {
                Issue.record("the code must redeem")
                return
            }
            #expect(nonce == nil)
        }
    }

    /// RFC 7636 appendix B.
    private static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    private static let challenge = CodeChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")

    /// One deviation each from a presentation that fits.
    static let misfits: [(kind: CodeRedemption.Kind, change: @Sendable (inout TokenFixture) -> Void)] = [
        (.redeemed, { _ in }),
        (.mismatched(.redirectURI), { $0.redirectURI = nil }),
        (.mismatched(.redirectURI), { $0.redirectURI = "https://game.example/other" }),
        (.mismatched(.verifierMissing), { $0.verifier = nil }),
        (.mismatched(.codeVerifier), { $0.verifier = String(verifier.reversed()) }),
        (.unknown, { $0.client = ClientID("another-game") }),
    ]

    @Test(arguments: Backend.allCases, misfits)
    func `a code is bound to the request it was issued for`(
        on backend: Backend, _ row: (kind: CodeRedemption.Kind, change: @Sendable (inout TokenFixture) -> Void)
    ) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            var asking = agreed
            asking.client = .fixture(redirectURIs: ["https://game.example/callback", "https://game.example/other"])
            asking.redirectURI = "https://game.example/callback"
            asking.codeChallenge = Self.challenge
            #expect(try await asking.authorize(code: "code", on: store) == .issued)
            var client = TokenFixture()
            client.redirectURI = "https://game.example/callback"
            client.verifier = Self.verifier
            row.change(&client)
            #expect(try await client.redeem("code", on: store).kind == row.kind)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code ends at the very millisecond`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            for code in ["early", "late"] { _ = try await agreed.authorize(code: code, on: store) }
            let end = Timestamp.noon.adding(seconds: asking.codeLifetimeSeconds)
            #expect(try await TokenFixture().redeem("late", on: store, at: end).kind == .unknown)
            let before = end.adding(milliseconds: -1)
            #expect(try await TokenFixture().redeem("early", on: store, at: before).kind == .redeemed)
        }
    }

    /// What can have become of the session that a cookie once stood for.
    static let endings: [(name: String, end: @Sendable (SQLStore) async throws -> Void)] = [
        ("never one", { store in try await store.run("DELETE FROM session") }),
        ("signed out", { store in _ = try await SessionTests.end("session", on: store) }),
        (
            "replaced",
            { store in
                _ = try await PhoneLoginFixture.inBrowser().beginSession("next", replacing: "session", on: store)
            }
        ),
        ("disabled", { store in _ = try await store.setDisabled(true, .number(PhoneNumber.alice.e164), at: .noon) }),
        ("over", { store in try await store.run("UPDATE session SET idle_until = \(Timestamp.noon)") }),
        ("over for good", { store in try await store.run("UPDATE session SET expires_at = \(Timestamp.noon)") }),
    ]

    @Test(arguments: Backend.allCases, endings)
    func `without a session that lasts nothing is issued, asked or remembered`(
        on backend: Backend, _ row: (name: String, end: @Sendable (SQLStore) async throws -> Void)
    ) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await row.end(store)
            #expect(try await agreed.authorize(on: store) == .signedOut)
            for table in ["token_grant", "authorization_code", "consent"] {
                #expect(try await store.count(table) == 0)
            }
        }
    }

    @Test(arguments: Backend.allCases, [Interaction.signIn, .chooseAccount, .consent])
    func `what is left to ask is asked, and nothing is written but that the session is in use`(
        on backend: Backend, _ interaction: Interaction
    ) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await login.beginSession("elsewhere", on: store)
            let session = try #require(try await store.session("session"))
            var asking = agreed
            asking.interaction = interaction
            let later = Timestamp.noon.adding(seconds: 100)
            let outcome = try await asking.authorize(code: "code", on: store, at: later)
            #expect(outcome == .interaction(interaction, session))
            for table in ["token_grant", "authorization_code", "consent", "security_event", "rate_limit"] {
                #expect(try await store.count(table) == 0)
            }
            let idle = later.adding(seconds: asking.idleLifetimeSeconds).milliseconds
            #expect(try await store.count("session", where: "idle_until = \(idle)") == 1)
            #expect(try await TokenFixture().redeem("code", on: store, at: later).kind == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a session gets so many codes, and a question costs none`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let store = stores[0]
            let account = try await login.beginSession("session", on: store)
            try await login.beginSession("elsewhere", on: store)
            var limited = asking
            limited.limit = Limit(count: 10, windowSeconds: 60)
            for _ in 0..<20 { #expect(try await Self.isAsked(limited, on: store)) }

            limited.isConsentGiven = true
            let outcomes = try await race(40) { [limited] index in
                try await limited.authorize(on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .issued } == 10)
            let refusal = LimitRefusal(
                name: .authorizePerSession, limit: try known(limited.limit), retryAfterSeconds: 6)
            #expect(outcomes.count { $0 == .limited(refusal) } == 30)
            #expect(try await store.count("authorization_code") == 10)
            #expect(try await store.count("token_grant") == 10)

            let events = try await store.log()
            #expect(events.count == 30)
            #expect(events.allSatisfy { $0.kind == .authorizationRefused && $0.rule == "authorizePerSession" })
            #expect(events.allSatisfy { $0.clientID == "game" && $0.accountID == account.rawValue })
            limited.session = "elsewhere"
            #expect(try await limited.authorize(on: store) == .issued, "another session has a count of its own")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refused code remembers no consent`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            var asking = agreed
            asking.limit = Limit(count: 1, windowSeconds: 60)
            asking.scope = "openid"
            #expect(try await asking.authorize(on: store) == .issued)
            asking.scope = "openid phone"
            guard case .limited = try await asking.authorize(on: store) else {
                Issue.record("the limit is used up")
                return
            }
            asking.isConsentGiven = false
            #expect(try await Self.isAsked(asking, on: store))
        }
    }

    @Test(arguments: Backend.allCases)
    func `16 apps that ask at once with one session each get a code of their own`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let account = try await login.beginSession("session", on: stores[0])
            let outcomes = try await race(16) { [agreed] index in
                try await agreed.authorize(code: "code \(index)", on: stores.turn(index))
            }
            #expect(outcomes.allSatisfy { $0 == .issued })
            let redemptions = try await race(16) { index in
                try await TokenFixture().redeem("code \(index)", on: stores.turn(index))
            }
            let grants = redemptions.compactMap(\.grant)
            #expect(Set(grants.map(\.id)).count == 16)
            #expect(grants.allSatisfy { $0.account == account })
            #expect(try await stores[0].count("session") == 1)
            #expect(try await stores[0].count("consent") == 1)
        }
    }

    /// Whichever comes first: a code of a session that was ended opens nothing.
    @Test(arguments: Backend.allCases)
    func `a code that races the end of its session is issued in vain, or not at all`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<20 {
                let (session, code) = ("session \(round)", "code \(round)")
                try await login.beginSession(session, on: stores[0])
                let asking = agreeing(in: session)
                async let outcome = asking.authorize(code: code, on: stores[0])
                async let ending = SessionTests.end(session, on: stores[1])
                let (issued, ended) = try await (outcome, ending)
                #expect(issued == .issued || issued == .signedOut)
                #expect(ended != SessionEnding.none)
                #expect(try await TokenFixture().redeem(code, on: stores[0]).kind == .unknown)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a failure in the middle leaves nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            _ = try await agreed.authorize(code: "code", on: store)
            let tables = ["token_grant", "authorization_code", "consent"]
            // The same code again breaks the act in its last statement.
            var asking = agreed
            asking.client = .fixture("another-game")
            await #expect(throws: (any Error).self) { try await asking.authorize(code: "code", on: store) }
            for table in tables { #expect(try await store.count(table) == 1) }
        }
    }

    static func isAsked(_ asking: AuthorizationFixture, on store: SQLStore) async throws -> Bool {
        guard case .interaction(.consent, _) = try await asking.authorize(on: store) else { return false }
        return true
    }
}

@Suite struct ConsentTests {
    private let login = PhoneLoginFixture.inBrowser()

    private func agree(
        to scope: String, _ change: (inout AuthorizationFixture) -> Void = { _ in }, on store: SQLStore
    ) async throws {
        var asking = AuthorizationFixture()
        asking.scope = scope
        asking.isConsentGiven = true
        change(&asking)
        #expect(try await asking.authorize(on: store) == .issued)
    }

    private func isAsked(
        for scope: String, _ change: (inout AuthorizationFixture) -> Void = { _ in }, on store: SQLStore
    ) async throws -> Bool {
        var asking = AuthorizationFixture()
        asking.scope = scope
        change(&asking)
        return try await AuthorizationActTests.isAsked(asking, on: store)
    }

    /// After a yes to "openid phone" and one to "profile openid".
    static let wishes: [(scope: String, isAsked: Bool)] = [
        ("openid", false), ("openid phone", false), ("profile phone openid", false), ("profile", false), ("", false),
        ("email", true), ("openid phone profile email", true), ("Phone", true),
    ]

    @Test(arguments: Backend.allCases, wishes)
    func `what was agreed to adds up, and nothing else is taken as agreed`(
        on backend: Backend, _ row: (scope: String, isAsked: Bool)
    ) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await agree(to: "openid phone", on: store)
            try await agree(to: "profile openid", on: store)
            #expect(try await isAsked(for: row.scope, on: store) == row.isAsked)
            #expect(try await store.count("consent") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code for what was agreed to before is no new yes`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            var firstParty = AuthorizationFixture()
            firstParty.scope = "openid"
            #expect(try await AuthorizationActTests.isAsked(firstParty, on: store))
            #expect(try await store.count("consent") == 0)
            try await agree(to: "openid phone", on: store)
            #expect(try await isAsked(for: "openid", on: store) == false)
            #expect(try await isAsked(for: "phone", on: store) == false, "a narrower code took nothing back")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a yes is of one account to one client`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var bob = PhoneLoginFixture.inBrowser("browser of bob")
            bob.phone = .bob
            try await login.beginSession("session", on: store)
            try await login.beginSession("elsewhere", on: store)
            try await bob.beginSession("of bob", on: store)
            try await agree(to: "openid", on: store)
            #expect(try await isAsked(for: "openid", { $0.session = "elsewhere" }, on: store) == false)
            #expect(try await isAsked(for: "openid", { $0.session = "of bob" }, on: store))
            #expect(try await isAsked(for: "openid", { $0.client = .fixture("another-game") }, on: store))
            #expect(try await isAsked(for: "openid", { $0.client = .fixture("GAME") }, on: store))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a yes outlives the session, a restart and the clean-up`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            do {
                let store = try await database.open()
                try await login.beginSession("session", on: store)
                try await agree(to: "openid", on: store)
                _ = try await SessionTests.end("session", on: store)
                let later = Timestamp.noon.adding(seconds: 1000 * 86_400)
                for _ in 0..<3 { _ = try await store.removeExpired(.init(), batch: 100, at: later) }
            }
            let store = try await database.open()
            try await login.beginSession("session", on: store)
            #expect(try await isAsked(for: "openid", on: store) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `who ends every token is asked by every app again, and nobody else is`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var bob = PhoneLoginFixture.inBrowser("browser of bob")
            bob.phone = .bob
            try await bob.beginSession("of bob", on: store)
            try await agree(to: "openid", { $0.session = "of bob" }, on: store)
            let account = try await login.beginSession("first", on: store)
            try await agree(to: "openid", { $0.session = "first" }, on: store)

            try await store.endSessions(of: account, andTokens: false, from: .home, at: .noon)
            try await login.beginSession("second", on: store)
            #expect(try await isAsked(for: "openid", { $0.session = "second" }, on: store) == false)
            try await store.endSessions(of: account, andTokens: true, from: .home, at: .noon)
            try await login.beginSession("third", on: store)
            #expect(try await isAsked(for: "openid", { $0.session = "third" }, on: store))

            try await agree(to: "openid", { $0.session = "third" }, on: store)
            _ = try await store.setDisabled(true, .id(account), at: .noon)
            _ = try await store.setDisabled(false, .id(account), at: .noon)
            try await login.beginSession("fourth", on: store)
            #expect(try await isAsked(for: "openid", { $0.session = "fourth" }, on: store))
            #expect(try await isAsked(for: "openid", { $0.session = "of bob" }, on: store) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `16 answers at once all add up`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            try await login.beginSession("session", on: stores[0])
            let scopes = (0..<16).map { "scope-\($0)" }
            _ = try await race(16) { index in
                var asking = AuthorizationFixture()
                asking.scope = scopes[index]
                asking.isConsentGiven = true
                return try await asking.authorize(on: stores.turn(index))
            }
            let all = scopes.joined(separator: " ")
            #expect(try await isAsked(for: all, on: stores[0]) == false)
        }
    }
}
