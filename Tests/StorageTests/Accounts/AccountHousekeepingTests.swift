import Accounts
import Cryptography
import DeveloperLog
import JOSE
import Messaging
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// What goes by itself of an account's rows, and what never does.
@Suite struct AccountHousekeepingTests {
    private let fixture = AccountFixture()

    /// Tables whose rows made at noon end then: see the lifetimes of the fixture.
    static let ends: [(table: String, seconds: Int)] = [
        ("opaque_token", 3600), ("password_reset", 3600), ("known_origin", 86_400), ("number_change", 259_200),
        ("email_challenge", 900),
    ]
    /// Tables whose rows stay as long as their account.
    static let kept = [
        "account", "account_phone", "account_email", "address_claim", "address_pending", "account_property",
        "account_parked", "account_import",
    ]

    /// One row of each kind at least.
    private func fill(_ store: SQLStore) async throws {
        var person = AccountFixture.named("alice")
        (person.email, person.number, person.password) = ("alice@example.com", "+819012345678", "correct horse")
        person.properties = [AccountProperty(name: "level", value: 7)]
        let account = try await person.registered(signIn: fixture.newSignIn("token"), on: store)
        for number in ["+819012345678", "+819011112222"] {
            try await fixture.changeNumber(of: account, to: number, on: store)
        }
        try await fixture.text(.number(begunIn: nil), to: "+819033334444", for: account, on: store)
        _ = try await fixture.startEmail(
            .address(begunIn: nil), of: .id(account), address: "alice@example.com", on: store)
        _ = try await fixture.proveEmail(of: .id(account), on: store)
        _ = try await fixture.startEmail(.passwordReset, of: .id(account), on: store)
        let query = fixture.query(.loginName(try known(FoldedText("alice"))))
        let candidate = try known(try await fixture.candidate(query, on: store).found)
        _ = try await store.signIn(fixture.passed(candidate), from: .home, at: .noon)
        var other = AccountFixture.named("bob")
        other.number = "+819055556666"
        try await other.registered(on: store)
        let statements: [SQLStatement] = [
            "INSERT INTO account_import (digest, account_id) VALUES (\(SHA256Digest(of: "row")), \(account))",
            """
            INSERT INTO account_parked (account_id, number, parked_at)
            VALUES (\(account), 'a number', \(Timestamp.noon))
            """,
            """
            INSERT INTO password_reset (digest, account_id, expires_at)
            VALUES (\(SHA256Digest(of: "reset")), \(account), \(Timestamp.noon.adding(seconds: 3600)))
            """,
        ]
        for statement in statements { try await store.run(statement) }
    }

    @Test(arguments: Backend.allCases, ends)
    func `a row stays to the last millisecond of its time and goes then`(
        on backend: Backend, _ row: (table: String, seconds: Int)
    ) async throws {
        try await backend.withStore { store in
            try await fill(store)
            let count = try await store.count(row.table)
            #expect(count > 0)
            let end = Timestamp.noon.adding(seconds: row.seconds)
            _ = try await store.removeExpired(.init(), batch: 100, at: end.adding(milliseconds: -1))
            #expect(try await store.count(row.table) == count)
            _ = try await store.removeExpired(.init(), batch: 100, at: end)
            #expect(try await store.count(row.table) == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `what an account is stays for good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fill(store)
            var before: [String: Int] = [:]
            for table in Self.kept { before[table] = try await store.count(table) }
            #expect(before.values.allSatisfy { $0 > 0 })
            for _ in 0..<3 {
                _ = try await store.removeExpired(.init(), batch: 1000, at: .noon.adding(seconds: 10_000 * 86_400))
            }
            for table in Self.kept { #expect(try await store.count(table) == before[table], "of \(table)") }
            for (table, _) in Self.ends { #expect(try await store.count(table) == 0, "of \(table)") }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a token that never expires ends with its grant`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let signIn = NewSignIn(
                grant: GrantID("grant"), client: ClientID("game"),
                tokens: [OpaqueToken("token", .kiiAccess, expiresAt: AccountFlow.never)])
            try await fixture.registered(signIn: signIn, on: store)
            let later = Timestamp.noon.adding(seconds: 10_000 * 86_400)
            _ = try await store.removeExpired(.init(), batch: 100, at: later)
            #expect(try await store.bearer("token", at: later) != nil)

            try await store.run("UPDATE token_grant SET revoked_at = \(later), expires_at = \(later)")
            _ = try await store.removeExpired(.init(), batch: 100, at: later.adding(seconds: 2 * 86_400))
            #expect(try await store.count("opaque_token") == 0)
            #expect(try await store.count("token_grant") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a grant for ever that was revoked goes after a while, with its tokens`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let signIn = NewSignIn(
                grant: GrantID("grant"), client: ClientID("game"),
                tokens: [OpaqueToken("token", .monacaLogin, expiresAt: AccountFlow.never)])
            let account = try await fixture.registered(signIn: signIn, on: store)
            try await store.revokeApp(ClientID("game"), of: account, from: .home, at: .noon)
            _ = try await store.removeExpired(.init(), batch: 100, at: .noon.adding(seconds: 60 * 86_400))
            #expect(try await store.count("opaque_token") == 0)
            #expect(try await store.count("token_grant") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `no more than a batch of each kind goes at once`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for index in 0..<25 {
                try await AccountFixture.named("user\(index)").registered(
                    signIn: fixture.newSignIn("token \(index)"), on: store)
            }
            let later = Timestamp.noon.adding(seconds: 3600)
            for left in [15, 5, 0] {
                _ = try await store.removeExpired(.init(), batch: 10, at: later)
                #expect(try await store.count("opaque_token") == left)
            }
        }
    }
}
