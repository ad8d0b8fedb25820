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

/// What people see of their own sign-ins and apps, and what they end.
@Suite struct SelfServiceActTests {
    private let alice = PhoneLoginFixture()
    private let bob: PhoneLoginFixture = {
        var login = PhoneLoginFixture()
        login.phone = .bob
        return login
    }()

    @Test(arguments: Backend.allCases)
    func `people see their own sessions that last, the latest first`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await alice.beginSession("first", on: store)
            let later = Timestamp.noon.adding(seconds: 60)
            try await alice.beginSession("second", on: store, at: later)
            try await bob.beginSession("bob's", on: store)
            let sessions = try await store.sessions(of: account, at: later)
            let expected = [
                try #require(try await store.session("second", at: later)),
                try #require(try await store.session("first", at: later)),
            ]
            #expect(sessions.map(\.id) == expected.map(\.id))
            #expect(sessions.map(\.authenticatedAt) == [later, .noon])

            let idle = Timestamp.noon.adding(seconds: alice.sessions.idleLifetimeSeconds)
            #expect(try await store.sessions(of: account, at: idle.adding(milliseconds: -1)).count == 2)
            #expect(try await store.sessions(of: account, at: idle).map(\.authenticatedAt) == [later])
            #expect(try await store.sessions(of: AccountID("nobody"), at: later).isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a session ends with what was granted in it, and only its owner's word ends it`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await alice.beginSession("mine", on: store)
            try await alice.beginSession("another", on: store)
            let mallory = try await bob.beginSession("bob's", on: store)
            let session = try #require(try await store.session("mine"))
            var authorization = AuthorizationFixture()
            (authorization.session, authorization.isConsentGiven) = ("mine", true)
            _ = try await authorization.authorize(code: "code", on: store)
            let grant = try #require(try await TokenFixture().redeem("code", on: store).grant)

            try await store.endSession(session.id, of: mallory, at: .noon)
            #expect(try await store.session("mine") != nil, "nobody ends another's session")
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id))
            try await store.endSession(session.id, of: account, at: .noon)
            #expect(try await store.session("mine") == nil)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id) == false)
            for other in ["another", "bob's"] { #expect(try await store.session(other) != nil) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `ending the others spares the one that asks, and other people's`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await alice.beginSession("mine", on: store)
            try await alice.beginSession("another", on: store)
            try await bob.beginSession("bob's", on: store)
            _ = try await TokenFixture().grant(holding: "refresh", login: alice, on: store)
            _ = try await TokenFixture().grant(holding: "bob's refresh", login: bob, on: store)
            let session = try #require(try await store.session("mine"))
            try await store.endOthers(.session(session.id), of: account, at: .noon)
            #expect(try await store.session("mine") != nil)
            #expect(try await store.session("another") == nil)
            #expect(try await store.session("bob's") != nil)
            #expect(try await TokenFixture().rotate("refresh", to: "next", on: store).kind == .unknown)
            #expect(try await TokenFixture().rotate("bob's refresh", to: "bob's", on: store).kind == .rotated)
        }
    }

    /// Alice's and Bob's tokens of two apps.
    private func useApps(_ store: SQLStore) async throws -> AccountID {
        for (name, login) in [("alice", alice), ("bob", bob)] {
            for app in ["game", "reader"] {
                var login = login
                login.client = .fixture(app)
                var token = TokenFixture()
                token.client = ClientID(app)
                _ = try await token.grant(holding: "\(name)'s \(app)", login: login, on: store)
            }
        }
        return try await alice.signIn(on: store, at: .noon.adding(seconds: 1)).account
    }

    private func isAlive(_ token: String, of app: String, on store: SQLStore) async throws -> Bool {
        var fixture = TokenFixture()
        fixture.client = ClientID(app)
        return try await fixture.rotate(token, to: "next \(token)", on: store).kind == .rotated
    }

    @Test(arguments: Backend.allCases)
    func `people see the apps that hold their tokens or their consent`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await useApps(store)
            try await store.run(
                """
                INSERT INTO consent (account_id, client_id, scope, given_at)
                VALUES (\(account), 'notes', 'openid', \(Timestamp.noon)), ('somebody', 'other', 'openid', 0),
                    (\(account), 'reader', 'openid', \(Timestamp.noon.adding(seconds: -60)))
                """)
            let apps = try await store.apps(of: account, at: .noon.adding(seconds: 2))
            #expect(apps.map(\.client.rawValue) == ["game", "notes", "reader"])
            #expect(
                apps.map(\.scope) == [
                    try known(Scope("offline")), try known(Scope("openid")), try known(Scope("offline openid")),
                ])
            #expect(apps.map(\.since) == [.noon, .noon, .noon.adding(seconds: -60)])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code that nobody redeemed is no app's access`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await alice.signIn(authorizationCode: "code", on: store).account
            #expect(try await store.apps(of: account, at: .noon).isEmpty)
            _ = try await TokenFixture().redeem("code", on: store)
            #expect(try await store.apps(of: account, at: .noon).count == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an app that is turned out has nothing any more, of this person`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await useApps(store)
            try await store.run(
                """
                INSERT INTO consent (account_id, client_id, scope, given_at)
                VALUES (\(account), 'game', 'openid', \(Timestamp.noon)), ('somebody', 'game', 'openid', 0)
                """)
            try await store.revokeApp(ClientID("game"), of: account, from: .home, at: .noon)
            #expect(try await store.apps(of: account, at: .noon).map(\.client.rawValue) == ["reader"])
            #expect(try await isAlive("alice's game", of: "game", on: store) == false)
            #expect(try await isAlive("alice's reader", of: "reader", on: store))
            #expect(try await isAlive("bob's game", of: "game", on: store))
            #expect(try await store.count("consent") == 1, "somebody else's stays")
            let line = try #require(try await store.log().first { $0.kind == .tokenRevoked })
            #expect(line.accountID == account.rawValue && line.clientID == "game")
        }
    }
}
