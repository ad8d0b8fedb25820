import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import Storage
import TestSupport
import Testing
import Time

/// A browser's session: how it begins, how long it lasts, and everything that ends it.
@Suite struct SessionTests {
    private let login = PhoneLoginFixture.inBrowser()

    private var bob: PhoneLoginFixture {
        var bob = PhoneLoginFixture.inBrowser("browser of bob")
        bob.phone = .bob
        return bob
    }

    @Test(arguments: Backend.allCases)
    func `a sign-in begins a session of the person, known by its cookie alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.beginSession("session", on: store)
            let session = try #require(try await store.session("session"))
            #expect(session.account == account)
            #expect(session.phoneNumber == "+819012345678")
            #expect(session.testClient == nil)
            #expect(session.authenticatedAt == .noon)
            #expect(session.methods == [.oneTimePassword, .sms])
            #expect(Base64URL.decode(session.id.rawValue)?.count == 16)
            for token in ["", "Session", "session ", session.id.rawValue, account.rawValue] {
                #expect(try await store.session(token) == nil)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a sign-in takes the place of the session that the browser had, whoever it was`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            try await login.beginSession("elsewhere", on: store)
            try await login.beginSession("first", on: store)
            let before = try #require(try await store.session("first"))
            try await login.beginSession("second", replacing: "first", on: store)
            #expect(try await store.session("first") == nil)
            let after = try #require(try await store.session("second"))
            #expect(after.id == before.id, "the same person's sign-in goes on, under a new cookie")

            try await bob.beginSession("third", replacing: "second", on: store)
            #expect(try await store.session("second") == nil)
            let others = try #require(try await store.session("third"))
            #expect(others.phoneNumber == "+819098765432")
            #expect(others.id != before.id)
            #expect(try await store.session("elsewhere") != nil, "another browser's session is its own")
            #expect(try await store.count("session") == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a sign-in that fails leaves the browser's session alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("old", on: store)
            var again = login
            again.oldSession = "old"
            _ = try await again.start("operation", on: store)
            #expect(try await again.guess("999999", at: "operation", authorizationCode: "new", on: store) == .wrong)
            #expect(try await store.session("old") != nil)
            #expect(try await store.session("new") == nil)
        }
    }

    /// Somebody else sits there now. A person who only shows once more who they are keeps their apps.
    @Test(arguments: Backend.allCases)
    func `whoever is replaced by somebody else is signed out of the apps too`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("first", on: store)
            let first = try await Self.grant("openid", session: "first", on: store)
            try await login.beginSession("second", replacing: "first", on: store)
            let second = try await Self.grant("openid", session: "second", on: store)
            let offline = try await Self.grant("openid offline_access", session: "second", on: store)
            for grant in [first, second, offline] {
                #expect(try await store.isActive(tokenID: "access token", grant: grant))
            }
            try await bob.beginSession("third", replacing: "second", on: store)
            for grant in [first, second] {
                #expect(try await store.isActive(tokenID: "access token", grant: grant) == false)
            }
            #expect(try await store.isActive(tokenID: "access token", grant: offline))
        }
    }

    @Test(arguments: Backend.allCases)
    func `signing out ends what was granted before the person signed in once more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("first", on: store)
            let grant = try await Self.grant("openid", session: "first", on: store)
            try await login.beginSession("second", replacing: "first", on: store)
            _ = try await Self.end("second", on: store)
            #expect(try await store.isActive(tokenID: "access token", grant: grant) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 sign-ins that race to replace one session each begins its own`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            try await login.beginSession("old", on: stores[0])
            _ = try await race(16) { index in
                var login = PhoneLoginFixture.inBrowser()
                login.client = .fixture("game \(index)")
                try await login.beginSession("new \(index)", replacing: "old", on: stores.turn(index))
            }
            #expect(try await stores[0].session("old") == nil)
            #expect(try await stores[0].count("session") == 16)
        }
    }

    static let lifetimes: [(idle: Int, whole: Int, ends: Int)] = [
        (600, 3600, 600), (3600, 600, 600), (600, 600, 600), (259_200, 2_592_000, 259_200),
    ]

    @Test(arguments: Backend.allCases, lifetimes)
    func `a session that nobody uses ends at the very millisecond`(
        on backend: Backend, _ row: (idle: Int, whole: Int, ends: Int)
    ) async throws {
        try await backend.withStore { store in
            var login = login
            login.sessions.idleLifetimeSeconds = row.idle
            login.sessions.lifetimeSeconds = row.whole
            try await login.beginSession("session", on: store)
            let end = Timestamp.noon.adding(seconds: row.ends)
            #expect(try await store.session("session", at: end) == nil)
            #expect(try await store.session("session", at: end.adding(milliseconds: 1)) == nil)
            // The clock was wrong and is set back.
            #expect(try await store.session("session", at: end.adding(milliseconds: -1)) != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `use begins the idle time anew, and never the whole one`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var login = login
            login.sessions.idleLifetimeSeconds = 600
            login.sessions.lifetimeSeconds = 1500
            try await login.beginSession("session", on: store)
            var asking = AuthorizationFixture()
            asking.idleLifetimeSeconds = 600
            asking.isConsentGiven = true
            for second in [599, 1198] {
                #expect(try await asking.authorize(on: store, at: .noon.adding(seconds: second)) == .issued)
            }
            let end = Timestamp.noon.adding(seconds: 1500)
            #expect(try await store.session("session", at: end.adding(milliseconds: -1)) != nil)
            #expect(try await store.session("session", at: end) == nil)
            #expect(try await asking.authorize(on: store, at: end) == .signedOut)
        }
    }

    @Test(arguments: Backend.allCases)
    func `looking at a session is no use of it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var login = login
            login.sessions.idleLifetimeSeconds = 600
            try await login.beginSession("session", on: store)
            let end = Timestamp.noon.adding(seconds: 600)
            #expect(try await store.session("session", at: end.adding(milliseconds: -1)) != nil)
            #expect(try await store.session("session", at: end) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a disabled account has no session, whatever the table holds`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await store.run("UPDATE account SET disabled_at = \(Timestamp.noon)")
            #expect(try await store.session("session") == nil)
            #expect(try await AuthorizationFixture().authorize(on: store) == .signedOut)
            #expect(try await Self.end("session", on: store) == SessionEnding.none)
            try await store.run("UPDATE account SET disabled_at = NULL")
            #expect(try await store.session("session") != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `disabling an account ends its sessions for good, and nobody else's`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            let account = try await login.beginSession("first", on: stores[0])
            try await login.beginSession("second", on: stores[0])
            try await bob.beginSession("of bob", on: stores[0])
            _ = try await stores[0].setDisabled(true, .id(account), at: .noon)
            _ = try await stores[0].setDisabled(false, .id(account), at: .noon)
            for store in stores {
                #expect(try await store.session("first") == nil)
                #expect(try await store.session("second") == nil)
                #expect(try await store.session("of bob") != nil)
            }
            try await login.beginSession("third", on: stores[0])
            #expect(try await stores[1].session("third")?.account == account)
        }
    }

    /// Each client id with the test number's account that it gets; an id may hold colons.
    @Test(arguments: Backend.allCases, ["game", "a:b", "test:", "::"])
    func `a test account's session names the client that it is for`(
        on backend: Backend, _ client: String
    ) async throws {
        let number = PhoneNumber.alice.e164
        let end = Timestamp.noon.seconds + 3600
        let file = try ClientFile(
            parsing: Array(
                """
                {"clients": [{"client_id": "\(client)", "redirect_uris": ["https://game.example/callback"],
                  "test_numbers": [{"phone_number": "\(number)", "code": "135791", "expires_at": \(end)}]}]}
                """.utf8))
        try await backend.withStore { store in
            var tester = login
            tester.client = try #require(file.clients.first)
            let account = try await tester.beginSession("tester", on: store)
            let session = try #require(try await store.session("tester"))
            #expect(session.testClient == client)
            #expect(session.phoneNumber == number)
            #expect(try await login.beginSession("session", on: store) != account)
            #expect(try await store.session("session")?.testClient == nil)
        }
    }
}

@Suite struct SessionEndingTests {
    private let login = PhoneLoginFixture.inBrowser()

    @Test(arguments: Backend.allCases)
    func `a session ends with permission, and only once`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await login.beginSession("elsewhere", on: store)
            let session = try #require(try await store.session("session"))
            #expect(try await SessionTests.end("session", on: store) == .ended(session))
            #expect(try await store.session("session") == nil)
            #expect(try await SessionTests.end("session", on: store) == SessionEnding.none)
            #expect(try await store.session("elsewhere") != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `without permission a session goes on`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            let grant = try await SessionTests.grant("openid", session: "session", on: store)
            let session = try #require(try await store.session("session"))
            let refused = try await store.endSession(
                SHA256Digest(of: "session"), if: { $0 != session }, from: .home, at: .noon)
            #expect(refused == .confirmationNeeded(session))
            #expect(try await store.session("session") == session)
            #expect(try await store.isActive(tokenID: "access token", grant: grant))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a session that is over is nothing to end, and nobody is asked`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let asked = Tally()
            try await login.beginSession("session", on: store)
            let over = Timestamp.noon.adding(seconds: login.sessions.idleLifetimeSeconds)
            for (token, now) in [("session", over), ("nobody's", Timestamp.noon)] {
                let ending = try await store.endSession(
                    SHA256Digest(of: token),
                    if: { _ in
                        asked.add()
                        return true
                    }, from: .home, at: now)
                #expect(ending == SessionEnding.none)
            }
            #expect(asked.count == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 that race to end a session one does`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            try await login.beginSession("session", on: stores[0])
            let session = try #require(try await stores[0].session("session"))
            let endings = try await race(16) { index in
                try await SessionTests.end("session", on: stores.turn(index))
            }
            #expect(endings.count { $0 == .ended(session) } == 1)
            #expect(endings.count { $0 == SessionEnding.none } == 15)
        }
    }

    /// What was granted in the session that ends, and whether it outlives it.
    static let grants: [(scope: String, survives: Bool)] = [
        ("openid", false), ("", false), ("openid offline_access", true), ("offline", true), ("Offline", false),
    ]

    @Test(arguments: Backend.allCases, grants)
    func `what was granted for the time of the session ends with it, and offline access does not`(
        on backend: Backend, _ row: (scope: String, survives: Bool)
    ) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await login.beginSession("elsewhere", on: store)
            let grant = try await SessionTests.grant(row.scope, session: "session", on: store)
            let other = try await SessionTests.grant(row.scope, session: "elsewhere", on: store)
            _ = try await SessionTests.end("session", on: store)
            #expect(try await store.isActive(tokenID: "access token", grant: grant) == row.survives)
            #expect(try await store.isActive(tokenID: "access token", grant: other))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code that nobody redeemed yet is worth nothing after the session`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            var asking = AuthorizationFixture()
            asking.isConsentGiven = true
            #expect(try await asking.authorize(code: "code", on: store) == .issued)
            _ = try await SessionTests.end("session", on: store)
            #expect(try await TokenFixture().redeem("code", on: store).kind == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a session is ended by its name too`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            try await login.beginSession("elsewhere", on: store)
            let grant = try await SessionTests.grant("openid", session: "session", on: store)
            let other = try await SessionTests.grant("openid", session: "elsewhere", on: store)
            let session = try #require(try await store.session("session"))
            for name in ["nobody's", session.id.rawValue, session.id.rawValue] {
                try await store.endSession(SessionID(name), from: .home, at: .noon)
            }
            #expect(try await store.session("session") == nil)
            #expect(try await store.isActive(tokenID: "access token", grant: grant) == false)
            #expect(try await store.session("elsewhere") != nil)
            #expect(try await store.isActive(tokenID: "access token", grant: other))
        }
    }

    @Test(arguments: Backend.allCases, [false, true])
    func `every session of an account ends at once, and every token of it if that is wanted`(
        on backend: Backend, _ andTokens: Bool
    ) async throws {
        try await backend.withStores(2) { stores in
            let store = stores[0]
            let account = try await login.beginSession("first", on: store)
            try await login.beginSession("second", on: store)
            var bob = PhoneLoginFixture.inBrowser("browser of bob")
            bob.phone = .bob
            try await bob.beginSession("of bob", on: store)

            let grant = try await SessionTests.grant("openid", session: "first", on: store)
            let offline = try await SessionTests.grant("openid offline_access", session: "second", on: store)
            let ofApp = try await TokenFixture().grant(holding: "refresh token", on: store).id
            let ofBob = try await SessionTests.grant("openid", session: "of bob", on: store)

            try await store.endSessions(of: account, andTokens: andTokens, from: .home, at: .noon)
            for store in stores {
                #expect(try await store.session("first") == nil)
                #expect(try await store.session("second") == nil)
                #expect(try await store.session("of bob") != nil)
                #expect(try await store.isActive(tokenID: "access token", grant: grant) == false)
                #expect(try await store.isActive(tokenID: "access token", grant: offline) == !andTokens)
                #expect(try await store.isActive(tokenID: "access token", grant: ofApp) == !andTokens)
                #expect(try await store.isActive(tokenID: "access token", grant: ofBob))
            }
            let told = try await store.log().filter { $0.kind == .signedOutEverywhere }
            #expect(told.map(\.accountID) == (andTokens ? [account.rawValue] : []))
        }
    }

    @Test(arguments: Backend.allCases)
    func `housekeeping removes the sessions that are over, and no other`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var (short, long) = (login, login)
            short.sessions.idleLifetimeSeconds = 600
            long.sessions.idleLifetimeSeconds = 601
            for index in 0..<25 { try await short.beginSession("short \(index)", on: store) }
            try await long.beginSession("long", on: store)
            let end = Timestamp.noon.adding(seconds: 600)
            _ = try await store.removeExpired(.init(), batch: 100, at: end.adding(milliseconds: -1))
            #expect(try await store.count("session") == 26)
            for left in [16, 6, 1, 1] {
                _ = try await store.removeExpired(.init(), batch: 10, at: end)
                #expect(try await store.count("session") == left)
            }
            #expect(try await store.session("long", at: end) != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a session in use is not removed, and one past its whole lifetime goes in the end`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            var login = login
            login.sessions.idleLifetimeSeconds = 600
            login.sessions.lifetimeSeconds = 900
            try await login.beginSession("session", on: store)
            var asking = AuthorizationFixture()
            asking.idleLifetimeSeconds = 600
            asking.isConsentGiven = true
            _ = try await asking.authorize(on: store, at: .noon.adding(seconds: 500))
            _ = try await store.removeExpired(.init(), batch: 100, at: .noon.adding(seconds: 700))
            #expect(try await store.session("session", at: .noon.adding(seconds: 700)) != nil)
            _ = try await store.removeExpired(.init(), batch: 100, at: .noon.adding(seconds: 500 + 600))
            #expect(try await store.count("session") == 0)
        }
    }
}

extension SessionTests {
    static func end(_ token: String, on store: SQLStore) async throws -> SessionEnding {
        try await store.endSession(SHA256Digest(of: token), if: { _ in true }, from: .home, at: .noon)
    }

    /// What an app was granted in a session, with its code redeemed.
    static func grant(_ scope: String, session: String, on store: SQLStore) async throws -> GrantID {
        var asking = AuthorizationFixture()
        asking.session = session
        asking.scope = scope
        asking.isConsentGiven = true
        let code = Unique.name("authorization code")
        guard try await asking.authorize(code: code, on: store) == .issued else { throw BrokenFixture() }
        return try known(try await TokenFixture().redeem(code, on: store).grant).id
    }
}
