import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// What a new password ends, and the tokens by which somebody gets one (attack 33).
@Suite struct PasswordEndingTests {
    private let fixture: AccountFixture = {
        var fixture = AccountFixture.named("alice")
        (fixture.password, fixture.email) = ("correct horse", "alice@example.com")
        return fixture
    }()

    private var alice: LoginIdentifier { get throws { .loginName(try known(FoldedText("alice"))) } }

    @Test(arguments: Backend.allCases)
    func `every token dies with the old password, but for those of the sign-in that changed it`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(signIn: fixture.newSignIn("mine", grant: "mine"), on: store)
            let candidate = try known(try await fixture.candidate(fixture.query(alice), on: store).found)
            let theirs = fixture.passed(candidate, signIn: fixture.newSignIn("theirs"))
            #expect(try await store.signIn(theirs, from: .home, at: .noon))
            let ending = SignInEnding.others(.grant(GrantID("mine")))
            let old = try await store.password(of: account)?.encoded
            let isChanged = try await store.changePassword(
                of: account, from: old, to: try AccountFixture.encoded("another"), ending: ending, from: .home,
                at: .noon)
            #expect(isChanged)
            #expect(try await store.bearer("mine")?.account == account)
            #expect(try await store.bearer("theirs") == nil)
            #expect(try await TokenFixture().rotate("refresh theirs", to: "next", on: store).kind == .unknown)
            #expect(try await TokenFixture().rotate("refresh mine", to: "next", on: store).kind == .rotated)
        }
    }

    /// What an account's tokens do not survive.
    static let ends: [String] = ["password", "disabled", "deleted", "everywhere"]

    @Test(arguments: Backend.allCases, ends)
    func `nothing refreshes after`(on backend: Backend, _ end: String) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(signIn: fixture.newSignIn("token"), on: store)
            let grant = try #require(try await store.bearer("token")?.grant)
            let more = OpaqueToken("more", .kiiAccess, expiresAt: .noon.adding(seconds: 60))
            switch end {
            case "password":
                let old = try await store.password(of: account)?.encoded
                _ = try await store.changePassword(
                    of: account, from: old, to: "new", ending: .all, from: .home, at: .noon)
            case "disabled": try await store.setDisabled(true, account, from: .home, at: .noon)
            case "deleted": _ = try await store.delete(account, pseudonym: "deleted-1", from: .home, at: .noon)
            default: try await store.endSessions(of: account, andTokens: true, from: .home, at: .noon)
            }
            #expect(try await store.bearer("token") == nil)
            #expect(try await TokenFixture().rotate("refresh token", to: "next", on: store).kind == .unknown)
            #expect(try await store.add(more, to: grant) == false)
            if end == "disabled" {
                try await store.setDisabled(false, account, from: .home, at: .noon)
                #expect(try await store.bearer("token") == nil, "for good")
                #expect(try await TokenFixture().rotate("refresh token", to: "next", on: store).kind == .unknown)
            }
        }
    }

    // MARK: - Reset tokens

    private func request(_ token: String, for account: LoginIdentifier, at now: Timestamp = .noon) -> ResetRequest {
        let end = now.adding(seconds: 3600)
        return ResetRequest(
            account: account, recipient: { profile, _ in profile.email.flatMap { EmailAddress($0.text) } },
            properties: [], digest: SHA256Digest(of: token), expiresAt: end,
            message: { [fixture] in
                fixture.queued(.passwordResetToken, channel: .email, to: $0.text, saying: token, at: now, until: end)
            })
    }

    private func ask(_ token: String, for account: LoginIdentifier, on store: SQLStore) async throws {
        _ = try await store.requestReset(request(token, for: account), charging: [], from: .home, at: .noon)
    }

    private func reset(
        _ token: String, of account: LoginIdentifier, to password: String = "new password",
        signIn: NewSignIn? = nil, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> Bool {
        let reset = PasswordReset(
            digest: SHA256Digest(of: token), account: account, password: try AccountFixture.encoded(password),
            signIn: signIn)
        if case .reset = try await store.reset(reset, from: .home, at: now) { return true }
        return false
    }

    @Test(arguments: Backend.allCases)
    func `of 16 who race with one reset token one sets a password and is signed in`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            let account = try await fixture.registered(signIn: fixture.newSignIn("before"), on: stores[0])
            let alice = try alice
            try await ask("token", for: alice, on: stores[0])
            let outcomes = try await race(16) { index in
                try await reset(
                    "token", of: alice, signIn: fixture.newSignIn("after \(index)"), on: stores.turn(index))
            }
            #expect(outcomes.count { $0 } == 1)
            #expect(try await stores[0].count("token_grant", where: "revoked_at IS NULL") == 1)
            #expect(try await stores[0].bearer("before") == nil)
            #expect(try await stores[0].profile(.id(account))?.hasPassword == true)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an older mail is good as long as its token, until one is used`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(on: store)
            let end = Timestamp.noon.adding(seconds: 3600)
            for token in ["first", "second", "third"] { try await ask(token, for: alice, on: store) }
            #expect(try await reset("first", of: alice, on: store, at: end) == false)
            #expect(try await reset("first", of: alice, on: store, at: end.adding(milliseconds: -1)))
            for token in ["first", "second", "third"] { #expect(try await reset(token, of: alice, on: store) == false) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a token opens the account that it was made for and no other`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await fixture.registered(on: store)
            let mallory = try await AccountFixture.named("mallory").registered(on: store)
            try await ask("token", for: alice, on: store)
            #expect(try await reset("token", of: .id(mallory), on: store) == false)
            #expect(try await reset("Token", of: alice, on: store) == false)
            #expect(try await store.profile(.id(mallory))?.hasPassword == false)
            #expect(try await store.log().last?.kind == .proofRefused)
            #expect(try await reset("token", of: alice, on: store))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a disabled account asks for none and uses none`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            try await ask("token", for: alice, on: store)
            try await store.setDisabled(true, account, from: .home, at: .noon)
            #expect(try await reset("token", of: alice, on: store) == false)
            try await ask("another", for: alice, on: store)
            try await ask("nobody's", for: .loginName(try known(FoldedText("nobody"))), on: store)
            #expect(try await store.count("message") == 1)
            #expect(try await store.count("password_reset") == 1)
        }
    }
}
