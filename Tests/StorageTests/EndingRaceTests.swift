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

/// What begins while something ends: it is refused, or it ends, too. Never does it outlive what it came of.
@Suite struct EndingRaceTests {
    private static let rounds = 12

    private let login = PhoneLoginFixture.inBrowser()
    private let agreed: AuthorizationFixture = {
        var agreed = AuthorizationFixture()
        agreed.isConsentGiven = true
        return agreed
    }()

    /// Runs both at once, on two processes, over and over; `check` looks at what is left.
    private func race(
        on backend: Backend, prepare: (SQLStore, _ session: String) async throws -> AccountID,
        begin: @escaping @Sendable (SQLStore, AccountID, _ session: String) async throws -> Void,
        end: @escaping @Sendable (SQLStore, AccountID, _ session: String) async throws -> Void,
        check: (SQLStore, AccountID) async throws -> Void
    ) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<Self.rounds {
                let session = "session \(round)"
                let account = try await prepare(stores[0], session)
                async let begun: Void = begin(stores[0], account, session)
                async let ended: Void = end(stores[1], account, session)
                _ = try await (begun, ended)
                try await check(stores[0], account)
            }
        }
    }

    private func live(_ account: AccountID) -> String { "account_id = '\(account.rawValue)' AND revoked_at IS NULL" }

    @Test(arguments: Backend.allCases)
    func `what is authorized while the session ends, ends with it`(on backend: Backend) async throws {
        try await race(
            on: backend, prepare: { try await login.beginSession($1, on: $0) },
            begin: { [agreed] store, _, session in
                var asking = agreed
                asking.session = session
                _ = try await asking.authorize(on: store)
            },
            end: { store, _, session in
                let digest = SHA256Digest(of: session)
                _ = try await store.endSession(digest, if: { _ in true }, from: .home, at: .noon)
            },
            check: { store, account in
                let left = try await store.count("token_grant", where: live(account))
                #expect(left == 0)
            })
    }

    @Test(arguments: Backend.allCases)
    func `what is authorized while the app is turned out, ends with it, or is asked for`(
        on backend: Backend
    ) async throws {
        try await race(
            on: backend,
            prepare: { [agreed] store, session in
                let account = try await login.beginSession(session, on: store)
                var asking = agreed
                asking.session = session
                _ = try await asking.authorize(on: store)
                return account
            },
            begin: { store, _, session in
                var asking = AuthorizationFixture()
                asking.session = session
                _ = try await asking.authorize(on: store)
            },
            end: { store, account, _ in
                try await store.revokeApp(ClientID("game"), of: account, from: .home, at: .noon)
            },
            check: { store, account in
                let left = try await store.count("token_grant", where: live(account))
                #expect(left == 0)
            })
    }

    @Test(arguments: Backend.allCases)
    func `a device that is let in while the session ends, is out with it`(on backend: Backend) async throws {
        let device = DeviceFixture()
        try await race(
            on: backend,
            prepare: { store, session in
                _ = try await store.run("DELETE FROM device_authorization")
                _ = try await device.begin("device \(session)", showing: "BCDF-GHJK", on: store)
                return try await login.beginSession(session, on: store)
            },
            begin: { store, _, session in
                _ = try await device.answer(true, to: "BCDF-GHJK", session: session, on: store)
            },
            end: { store, account, _ in
                try await store.endSessions(of: account, andTokens: true, from: .home, at: .noon)
            },
            check: { store, account in
                let left = try await store.count("token_grant", where: live(account))
                #expect(left == 0)
            })
    }

    @Test(arguments: Backend.allCases)
    func `who signs in while the account is disabled, is not signed in`(on backend: Backend) async throws {
        try await race(
            on: backend, prepare: { try await login.beginSession("before \($1)", on: $0) },
            begin: { [login] store, _, session in
                let operation = Unique.name("operation")
                _ = try await login.start(operation, on: store)
                _ = try await login.guess("246802", at: operation, authorizationCode: session, on: store)
            },
            end: { store, account, _ in _ = try await store.setDisabled(true, .id(account), at: .noon) },
            check: { store, account in
                let left = try await store.count("session", where: "account_id = '\(account.rawValue)'")
                #expect(left == 0)
                _ = try await store.setDisabled(false, .id(account), at: .noon)
            })
    }

    @Test(arguments: Backend.allCases)
    func `of 8 who disable an account at once one does`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let account = try await login.beginSession("session", on: stores[0])
            _ = try await TestSupport.race(8) { index in
                try await stores.turn(index).setDisabled(true, .id(account), at: .noon)
            }
            #expect(try await stores[0].log().count { $0.kind == .accountDisabled } == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is exchanged while the sign-in ends, is worth nothing`(on backend: Backend) async throws {
        let fixture = AccountFixture()
        try await race(
            on: backend,
            prepare: { store, session in
                try await fixture.registered(
                    signIn: fixture.newSignIn(session, .monacaLogin, grant: session), on: store)
            },
            begin: { store, _, session in
                let tokens = [OpaqueToken("after \(session)", .kiiAccess, expiresAt: .noon.adding(seconds: 60))]
                _ = try await store.exchange(
                    SHA256Digest(of: session), .monacaLogin, of: fixture.client.id, for: tokens, from: .home, at: .noon)
            },
            end: { store, _, session in try await store.end(GrantID(session), at: .noon) },
            check: { store, _ in
                let left = try await store.count("opaque_token")
                #expect(left == 0)
            })
    }

    @Test(arguments: Backend.allCases)
    func `of an account that is deleted nothing that begins meanwhile is left`(on backend: Backend) async throws {
        let fixture = AccountFixture()
        try await race(
            on: backend,
            prepare: { store, session in
                // A text that came after the deletion before is a stranger's.
                try await store.run("DELETE FROM phone_challenge")
                let account = try await login.beginSession(session, on: store)
                try await fixture.text(.number(begunIn: nil), to: "+819033334444", for: account, on: store)
                return account
            },
            begin: { [agreed, login] store, account, session in
                async let text = fixture.text(.number(begunIn: nil), to: "+819055556666", for: account, on: store)
                async let start = login.start("operation \(session)", on: store)
                var asking = agreed
                asking.session = session
                _ = try await asking.authorize(on: store)
                _ = try await (text, start)
            },
            end: { store, account, _ in
                _ = try await store.delete(account, pseudonym: "deleted", from: .home, at: .noon)
            },
            check: { store, account in
                for table in [
                    "account_phone", "token_grant", "session", "session_client", "consent", "address_pending",
                    "address_claim",
                ] {
                    let left = try await store.count(table, where: "account_id = '\(account.rawValue)'")
                    #expect(left == 0, "of \(table)")
                }
                let log = try await store.log()
                #expect(!log.contains { $0.accountID == account.rawValue })
            })
    }
}
