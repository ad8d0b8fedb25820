import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import TestSupport
import Testing
import Time

@testable import AccountManagement
@testable import Storage

/// Everything that ends a sign-in: what it says in the list of revocations, and which apps are told. Both are written
/// with the act itself, so neither can be forgotten by it nor outlive its failure.
@Suite struct SignInEndingTests {
    struct Act: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let revoked: Set<String>
        var notices: Set<String> = []
        let perform: @Sendable (SignedInScene) async throws -> Void

        init(
            _ name: String, revokes revoked: Set<String>, tells notices: Set<String> = [],
            perform: @escaping @Sendable (SignedInScene) async throws -> Void
        ) {
            testDescription = name
            self.revoked = revoked
            self.notices = notices
            self.perform = perform
        }
    }

    private static let everything: Set = ["here", "here, offline", "here, game", "there", "app"]
    private static let everybody: Set = ["shop here", "game here", "mail there"]
    private static let ofSession: Set = ["here", "here, game"]

    static let ofSessions: [Act] = [
        Act("signing out", revokes: ofSession, tells: ["shop here"]) { scene in
            _ = try await SessionTests.end("here", on: scene.store)
        },
        Act("signing out by an app's token", revokes: ofSession, tells: ["shop here"]) { scene in
            try await scene.store.endSession(scene.here, from: .home, at: .noon)
        },
        Act("ending one session at the account page", revokes: ofSession, tells: ["shop here"]) { scene in
            try await scene.store.endSession(scene.here, of: scene.alice, at: .noon)
        },
        Act("ending somebody else's session", revokes: []) { scene in
            try await scene.store.endSession(scene.here, of: AccountID("nobody"), at: .noon)
        },
        Act("not being allowed to", revokes: []) { scene in
            _ = try await scene.store.endSession(
                SHA256Digest(of: "here"), if: { _ in false }, from: .home, at: .noon)
        },
        Act("somebody else who signs in", revokes: ofSession, tells: ["shop here"]) { scene in
            try await SignedInScene.bob.beginSession("next", replacing: "here", on: scene.store)
        },
        Act("the same person who signs in again", revokes: []) { scene in
            try await SignedInScene.login.beginSession("next", replacing: "here", on: scene.store)
        },
        Act("signing out of every browser", revokes: ofSession.union(["there"]), tells: ["shop here", "mail there"]) {
            scene in
            try await scene.store.endSessions(of: scene.alice, andTokens: false, from: .home, at: .noon)
        },
    ]

    static let ofAccounts: [Act] = [
        Act("signing out everywhere", revokes: everything, tells: everybody) { scene in
            try await scene.store.endSessions(of: scene.alice, andTokens: true, from: .home, at: .noon)
        },
        Act("disabling", revokes: everything, tells: everybody) { scene in
            _ = try await scene.store.setDisabled(true, .id(scene.alice), at: .noon)
        },
        Act("deleting", revokes: everything, tells: everybody) { scene in
            _ = try await scene.store.delete(scene.alice, pseudonym: "somebody", from: .home, at: .noon)
        },
        Act("a new password", revokes: everything, tells: everybody) { scene in
            _ = try await scene.store.changePassword(
                of: scene.alice, from: nil, to: AccountFixture.encoded("password"), ending: .all, from: .home,
                at: .noon)
        },
        Act("a wrong old password", revokes: []) { scene in
            _ = try await scene.store.changePassword(
                of: scene.alice, from: "another", to: AccountFixture.encoded("password"), ending: .all, from: .home,
                at: .noon)
        },
        Act("ending all but this browser", revokes: ["there", "app"], tells: ["mail there"]) { scene in
            try await scene.store.endOthers(.session(scene.here), of: scene.alice, at: .noon)
        },
        Act("ending all but this app's login", revokes: everything.subtracting(["app"]), tells: everybody) { scene in
            try await scene.store.endOthers(.grant(known(scene.grants["app"])), of: scene.alice, at: .noon)
        },
        // The app in which a person changes their number does not sign them out for it.
        Act(
            "ending all but what an app got in a browser", revokes: everything.subtracting(["here"]),
            tells: ["game here", "mail there"]
        ) { scene in
            try await scene.store.endOthers(.grant(known(scene.grants["here"])), of: scene.alice, at: .noon)
        },
        Act("undoing a change of number", revokes: everything, tells: everybody) { scene in
            let fixture = AccountFixture()
            try await fixture.changeNumber(of: scene.alice, to: "+819011112222", undo: "undo", on: scene.store)
            guard try await fixture.undo("undo", on: scene.store) == .undone else { throw BrokenFixture() }
        },
    ]

    static let ofGrants: [Act] = [
        Act("taking the access from an app", revokes: ["here", "here, offline"]) { scene in
            try await scene.store.revokeApp(ClientID("shop"), of: scene.alice, from: .home, at: .noon)
        },
        Act("revoking a refresh token", revokes: ["app"]) { scene in
            for _ in 0..<2 {
                try await scene.store.revokeRefreshToken(
                    SHA256Digest(of: "refresh token"), of: ClientID("game"), from: .home, at: .noon)
            }
        },
        Act("revoking another client's refresh token", revokes: []) { scene in
            try await scene.store.revokeRefreshToken(
                SHA256Digest(of: "refresh token"), of: ClientID("shop"), from: .home, at: .noon)
        },
        Act("a refresh", revokes: []) { scene in
            _ = try await TokenFixture().rotate("refresh token", to: "next", on: scene.store)
        },
        Act("a spent refresh token that comes back", revokes: ["app"]) { scene in
            for second in [0, 31, 32] {
                _ = try await TokenFixture().rotate(
                    "refresh token", to: "next", on: scene.store, at: .noon.adding(seconds: second))
            }
        },
        Act("ending the login of an opaque token", revokes: ["app"]) { scene in
            try await scene.store.end(known(scene.grants["app"]), at: .noon)
        },
    ]

    @Test(arguments: Backend.allCases, ofSessions + ofAccounts + ofGrants)
    func `every act says what it ended, and to whom it matters`(on backend: Backend, _ act: Act) async throws {
        try await backend.withStore { store in
            let scene = try await SignedInScene(on: store)
            #expect(try await scene.revoked() == [])
            #expect(try await scene.notices() == [])
            try await act.perform(scene)
            #expect(try await scene.revoked() == act.revoked)
            #expect(try await scene.notices() == act.notices)
            if let bobs = scene.grants["bob's"] {
                #expect(try await store.isActive(tokenID: "access token", grant: bobs))
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `one access token is named alone, and once`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for _ in 0..<2 {
                try await store.revokeAccessToken(
                    id: "access token", expiresAt: .noon.adding(seconds: 60), of: ClientID("game"), from: .home,
                    at: .noon)
            }
            let entries = try await store.revocations(after: 0, atMost: 10)
            #expect(entries.map(\.subject) == [.token("access token")])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code that comes again says so of what it made`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await SignedInScene.login.signIn(authorizationCode: "code", on: store)
            try await PhoneLoginFixture().signIn(authorizationCode: "app's code", on: store)
            let grant = try known(try await TokenFixture().redeem("app's code", on: store).grant).id
            for _ in 0..<2 { _ = try await TokenFixture().redeem("app's code", on: store) }
            #expect(try await store.revocations(after: 0, atMost: 10).map(\.subject) == [.grant(grant)])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what a client that registered itself was granted ends with it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await SignedInScene.login.beginSession("session", on: store)
            let theirs = try await SignedInScene.grant("reg-1", in: "session", on: store)
            let others = try await SignedInScene.grant("reg-2", in: "session", on: store)
            _ = try await store.engine.write { connection in
                try await connection.revoke(.registeredClient(ClientID("reg-1")), at: .noon)
            }
            #expect(try await store.revocations(after: 0, atMost: 10).map(\.subject) == [.grant(theirs)])
            #expect(try await store.isActive(tokenID: "access token", grant: others))
        }
    }

    /// Whoever takes an account back goes on in the same browser.
    @Test(arguments: Backend.allCases)
    func `apps that knew the fresh account are told that it left the browser`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let scene = try await SignedInScene(on: store)
            try await store.run("INSERT INTO account (id, created_at) VALUES ('parked', \(Timestamp.noon))")
            try await store.run(
                """
                INSERT INTO account_parked (account_id, number, parked_at)
                SELECT 'parked', number, \(Timestamp.noon) FROM account_phone WHERE account_id = \(scene.alice)
                """)
            let isBack = try await store.reclaim(
                AccountID("parked"), for: scene.alice, session: SHA256Digest(of: "here"), from: .home, at: .noon)
            #expect(isBack)
            #expect(try await store.session("here")?.account == AccountID("parked"))
            #expect(try await scene.notices() == Self.everybody)
            #expect(try await scene.revoked() == Self.everything)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an act that fails leaves neither entry nor notice`(on backend: Backend) async throws {
        struct Failure: Error {}
        try await backend.withStore { store in
            let scene = try await SignedInScene(on: store)
            await #expect(throws: Failure.self) {
                try await store.engine.write { connection in
                    try await connection.end(.all, of: scene.alice, at: .noon)
                    throw Failure()
                }
            }
            #expect(try await scene.revoked() == [])
            #expect(try await scene.notices() == [])
            #expect(try await store.session("here") != nil)
        }
    }
}
