import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// Tokens without a meaning of their own: what they are for is a row.
@Suite struct OpaqueTokenActTests {
    private let fixture = AccountFixture.named("alice")
    private let end = Timestamp.noon.adding(seconds: 3600)

    private func exchange(
        _ token: String, for others: [OpaqueToken], at client: ClientID = ClientID("game"), on store: SQLStore,
        now: Timestamp = .noon
    ) async throws -> OpaqueBearer? {
        try await store.exchange(
            .init(of: token), .monacaLogin, of: client, for: others, from: .home, at: now)
    }

    private func token(_ text: String, _ kind: OpaqueToken.Kind = .monacaSession) -> OpaqueToken {
        OpaqueToken(text, kind, expiresAt: end)
    }

    @Test(arguments: Backend.allCases)
    func `a token speaks for its account to the last millisecond, as its own kind and no other`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(
                signIn: fixture.newSignIn("token", .kiiAccess, grant: "grant"), on: store)
            let bearer = try await store.bearer("token", at: end.adding(milliseconds: -1))
            #expect(
                bearer == OpaqueBearer(account: account, grant: GrantID("grant"), client: ClientID("game")))
            #expect(try await store.bearer("token", at: end) == nil)
            for kind in [OpaqueToken.Kind.monacaSession, .monacaLogin] {
                #expect(try await store.bearer("token", kind) == nil)
            }
            for text in ["", "Token", "token ", "refresh token"] { #expect(try await store.bearer(text) == nil) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 who exchange one login token one gets a session`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let account = try await fixture.registered(
                signIn: fixture.newSignIn("login", .monacaLogin), on: stores[0])
            let bearers = try await race(16) { index in
                try await exchange(
                    "login", for: [token("session \(index)"), token("login \(index)", .monacaLogin)],
                    on: stores.turn(index))
            }
            #expect(bearers.compactMap(\.self).map(\.account) == [account])
            #expect(try await stores[0].count("opaque_token", where: "kind = 'monaca'") == 1)
            #expect(try await stores[0].count("opaque_token", where: "kind = 'monaca_login'") == 1)
            #expect(try await stores[0].bearer("login", .monacaLogin) == nil)
            #expect(try await stores[0].log().count { $0.kind == .proofRefused } == 15)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a login token is spent at the app that it was made for, in its time`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(signIn: fixture.newSignIn("login", .monacaLogin), on: store)
            #expect(try await exchange("login", for: [], at: ClientID("other"), on: store) == nil)
            #expect(try await exchange("login", for: [], on: store, now: end) == nil)
            #expect(try await exchange("another", for: [], on: store) == nil)
            #expect(try await exchange("login", for: [], on: store, now: end.adding(milliseconds: -1)) != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a session token is no login token`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(signIn: fixture.newSignIn("session", .monacaSession), on: store)
            #expect(try await exchange("session", for: [token("next")], on: store) == nil)
            #expect(try await store.bearer("session", .monacaSession) != nil)
            #expect(try await store.bearer("next", .monacaSession) == nil)
        }
    }

    /// What a grant does not survive.
    static let ends = ["ended", "disabled", "deleted", "revoked app"]

    @Test(arguments: Backend.allCases, ends)
    func `no token of a grant outlives it`(on backend: Backend, _ way: String) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(
                signIn: fixture.newSignIn("login", .monacaLogin, grant: "grant"), on: store)
            let isAdded = try await store.add(token("session"), to: GrantID("grant"))
            #expect(isAdded)
            switch way {
            case "ended": try await store.end(GrantID("grant"), at: .noon)
            case "disabled": try await store.setDisabled(true, account, from: .home, at: .noon)
            case "deleted": _ = try await store.delete(account, pseudonym: "deleted-1", from: .home, at: .noon)
            default: try await store.revokeApp(ClientID("game"), of: account, from: .home, at: .noon)
            }
            #expect(try await store.bearer("session", .monacaSession) == nil)
            #expect(try await exchange("login", for: [token("next")], on: store) == nil)
            #expect(try await store.bearer("next", .monacaSession) == nil)
            #expect(try await store.add(token("more"), to: GrantID("grant")) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `ending one grant leaves the account's others`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var person = fixture
            person.password = "correct horse"
            try await person.registered(signIn: fixture.newSignIn("first", grant: "first"), on: store)
            let query = fixture.query(.loginName(try known(FoldedText("alice"))))
            let candidate = try known(try await fixture.candidate(query, on: store).found)
            let second = fixture.passed(candidate, signIn: fixture.newSignIn("second"))
            #expect(try await store.signIn(second, from: .home, at: .noon))
            try await store.end(GrantID("first"), at: .noon)
            #expect(try await store.bearer("first") == nil)
            #expect(try await store.bearer("second") != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a grant is kept as long as its last token`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(signIn: fixture.newSignIn("short", grant: "grant"), on: store)
            let later = Timestamp.noon.adding(seconds: 30 * 86_400)
            let isAdded = try await store.add(OpaqueToken("long", .kiiAccess, expiresAt: later), to: GrantID("grant"))
            #expect(isAdded)
            _ = try await store.removeExpired(.init(), batch: 100, at: later.adding(milliseconds: -1))
            #expect(try await store.bearer("long", at: later.adding(milliseconds: -1)) != nil)
            #expect(try await store.bearer("short", at: later.adding(milliseconds: -1)) == nil)
        }
    }
}
