import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct CodeRedemptionTests {
    private let login = PhoneLoginFixture()
    private let client = TokenFixture()

    @Test(arguments: Backend.allCases)
    func `a code brings the grant that the login made`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(authorizationCode: "code", on: store).account
            let later = Timestamp.noon.adding(seconds: 59)
            let grant = try #require(try await client.redeem("code", on: store, at: later).grant)
            #expect(grant.account == account)
            #expect(grant.client == ClientID("game"))
            #expect(grant.scope.text == "offline")
            #expect(grant.authenticatedAt == .noon)
            #expect(grant.methods == [.oneTimePassword, .sms])
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 50 that race for one code one redeems it, and the replays kill what it made`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            try await login.signIn(authorizationCode: "code", on: stores[0])
            var client = client
            client.refreshToken = "refresh token"
            let redemptions = try await race(50) { [client] index in
                try await client.redeem("code", on: stores.turn(index))
            }
            #expect(redemptions.count { $0.kind == .redeemed } == 1)
            #expect(redemptions.count { $0.kind == .replayed } == 49)

            let grant = try #require(redemptions.compactMap(\.grant).first)
            #expect(try await stores[1].isActive(tokenID: "access token", grant: grant.id) == false)
            #expect(try await stores[2].refreshToken(SHA256Digest(of: "refresh token"), at: .noon) == nil)
            #expect(try await client.rotate("refresh token", to: "next", on: stores[3]).kind == .unknown)
            #expect(try await stores[0].log().count { $0.kind == .codeReplayed } == 1)
            #expect(try await stores[0].log().count { $0.kind == .codeRefused } == 48)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code that comes back kills its grant even after it expired`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(authorizationCode: "code", on: store)
            let grant = try #require(try await client.redeem("code", on: store).grant)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id))
            let later = Timestamp.noon.adding(seconds: 3600)
            #expect(try await client.redeem("code", on: store, at: later).kind == .replayed)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code is unknown from the millisecond it expires`(on backend: Backend) async throws {
        let expiry = Timestamp.noon.adding(seconds: 60)
        try await backend.withStore { store in
            try await login.signIn(authorizationCode: "early", on: store)
            try await login.signIn(authorizationCode: "late", on: store)
            #expect(try await client.redeem("late", on: store, at: expiry).kind == .unknown)
            let before = expiry.adding(milliseconds: -1)
            #expect(try await client.redeem("early", on: store, at: before).kind == .redeemed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `another client's code is unknown and stays good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(authorizationCode: "code", on: store)
            var stranger = client
            stranger.client = ClientID("another-game")
            for _ in 0..<3 { #expect(try await stranger.redeem("code", on: store).kind == .unknown) }
            #expect(try await client.redeem("code", on: store).kind == .redeemed)
            #expect(try await stranger.redeem("code", on: store).kind == .unknown, "a stranger's replay kills nothing")
            #expect(try await store.log().contains { $0.kind == .codeReplayed } == false)
        }
    }

    /// RFC 7636 appendix B.
    private static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    private static let challenge = CodeChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")

    /// One deviation each from a presentation that fits a code made with a named redirect and a challenge.
    static let misfits: [(CodeMismatch, @Sendable (inout TokenFixture) -> Void)] = [
        (.redirectURI, { $0.redirectURI = nil }),
        (.redirectURI, { $0.redirectURI = "https://game.example/other" }),
        (.redirectURI, { $0.redirectURI = "https://game.example/callback/" }),
        (.redirectURI, { $0.redirectURI = "HTTPS://game.example/callback" }),
        (.verifierMissing, { $0.verifier = nil }),
        (.codeVerifier, { $0.verifier = String(verifier.reversed()) }),
        (.codeVerifier, { $0.verifier = verifier + "a" }),
        (.codeVerifier, { $0.verifier = challenge?.rawValue }),
    ]

    @Test(arguments: Backend.allCases, misfits)
    func `a request that does not fit is refused and has spent the code`(
        on backend: Backend, _ misfit: (mismatch: CodeMismatch, change: @Sendable (inout TokenFixture) -> Void)
    ) async throws {
        try await backend.withStore { store in
            var login = login
            login.redirectURI = "https://game.example/callback"
            login.codeChallenge = Self.challenge
            var fitting = client
            fitting.redirectURI = login.redirectURI
            fitting.verifier = Self.verifier
            fitting.refreshToken = "refresh token"

            try await login.signIn(authorizationCode: "good", on: store)
            #expect(try await fitting.redeem("good", on: store).kind == .redeemed)

            var unfitting = fitting
            unfitting.refreshToken = "stolen"
            misfit.change(&unfitting)
            try await login.signIn(authorizationCode: "code", on: store)
            #expect(try await unfitting.redeem("code", on: store).kind == .mismatched(misfit.mismatch))
            #expect(try await store.refreshToken(SHA256Digest(of: "stolen"), at: .noon) == nil)
            #expect(try await fitting.redeem("code", on: store).kind == .replayed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a verifier without a challenge is refused`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var client = client
            client.verifier = Self.verifier
            try await login.signIn(authorizationCode: "code", on: store)
            #expect(try await client.redeem("code", on: store).kind == .mismatched(.verifierWithoutChallenge))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a redirect that was left out at the start may be left out or named at the end`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var client = client
            for redirectURI in [nil, "https://game.example/callback"] {
                let code = Unique.name("authorization code")
                try await login.signIn(authorizationCode: code, on: store)
                client.redirectURI = redirectURI
                #expect(try await client.redeem(code, on: store).kind == .redeemed)
            }
        }
    }

    static let scopes: [(scope: String, asksForRefreshToken: Bool)] = [
        ("offline", true), ("openid offline_access", true), ("", false), ("openid", false), ("Offline", false),
    ]

    @Test(arguments: Backend.allCases, scopes)
    func `a refresh token is stored only for a scope that asks for one`(
        on backend: Backend, _ row: (scope: String, asksForRefreshToken: Bool)
    ) async throws {
        try await backend.withStore { store in
            var login = login
            login.scope = row.scope
            var client = client
            client.refreshToken = "refresh token"
            try await login.signIn(authorizationCode: "code", on: store)
            #expect(try await client.redeem("code", on: store).grant?.scope.text == row.scope)
            #expect(try await store.count("refresh_token") == (row.asksForRefreshToken ? 1 : 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a client that may not have a refresh token gets none`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(authorizationCode: "code", on: store)
            #expect(try await client.redeem("code", on: store).kind == .redeemed)
            #expect(try await store.count("refresh_token") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `nothing is redeemed once the account is disabled`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(authorizationCode: "code", on: store)
            _ = try await store.setDisabled(true, .number("+819012345678"), at: .noon)
            var client = client
            client.refreshToken = "refresh token"
            #expect(try await client.redeem("code", on: store).kind == .unknown)
            #expect(try await store.count("refresh_token") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `only a genuine code counts against the client's limit`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.tokenPerClient, Limit(count: 1, windowSeconds: 60), subject: "game"))
            for guess in 0..<10 {
                #expect(try await client.redeem("no code \(guess)", charging: [charge], on: store).kind == .unknown)
            }
            try await login.signIn(authorizationCode: "first", on: store)
            try await login.signIn(authorizationCode: "second", on: store)
            #expect(try await client.redeem("first", charging: [charge], on: store).kind == .redeemed)
            guard case .limited(let refusal) = try await client.redeem("second", charging: [charge], on: store) else {
                Issue.record("the limit is used up")
                return
            }
            #expect(refusal == LimitRefusal(name: .tokenPerClient, limit: charge.limit, retryAfterSeconds: 60))
            #expect(try await store.log().last?.rule == "tokenPerClient")
            #expect(try await client.redeem("second", on: store).kind == .redeemed, "a limited request spends nothing")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code that was redeemed is a replay after a restart too`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            do {
                let store = try await database.open()
                try await login.signIn(authorizationCode: "code", on: store)
                #expect(try await client.redeem("code", on: store).kind == .redeemed)
            }
            #expect(try await client.redeem("code", on: try await database.open()).kind == .replayed)
        }
    }
}
