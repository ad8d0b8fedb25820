import Accounts
import Cryptography
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Time

@testable import AccountManagement

/// Alice with two browsers and an app, and Bob with a browser. The shop and the mail want to hear of sign-outs, the
/// game does not.
struct SignedInScene: Sendable {
    static let login = PhoneLoginFixture.inBrowser()
    static let bob: PhoneLoginFixture = {
        var bob = PhoneLoginFixture.inBrowser("browser of bob")
        bob.phone = .bob
        return bob
    }()

    let store: SQLStore
    let alice: AccountID
    let here: SessionID
    let there: SessionID
    /// By what the tests call them.
    let grants: [String: GrantID]

    init(on store: SQLStore) async throws {
        self.store = store
        alice = try await Self.login.beginSession("here", on: store)
        try await Self.login.beginSession("there", on: store)
        try await Self.bob.beginSession("bob's", on: store)
        here = try known(try await store.session("here")).id
        there = try known(try await store.session("there")).id
        grants = [
            "here": try await Self.grant("shop", in: "here", on: store),
            "here, offline": try await Self.grant("shop", "openid offline_access", in: "here", on: store),
            "here, game": try await Self.grant("game", in: "here", on: store),
            "there": try await Self.grant("mail", in: "there", on: store),
            "app": try await TokenFixture().grant(holding: "refresh token", on: store).id,
            "bob's": try await Self.grant("shop", in: "bob's", on: store),
        ]
    }

    static func grant(
        _ client: String, _ scope: String = "openid", in session: String, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> GrantID {
        var asking = AuthorizationFixture()
        asking.client = .fixture(client)
        asking.session = session
        asking.scope = scope
        asking.isConsentGiven = true
        asking.isToldOfLogout = client != "game"
        let code = Unique.name("authorization code")
        guard try await asking.authorize(code: code, on: store, at: now) == .issued else { throw BrokenFixture() }
        var redeeming = TokenFixture()
        redeeming.client = ClientID(client)
        return try known(try await redeeming.redeem(code, on: store, at: now).grant).id
    }

    /// The grants that the list of revocations names, each once.
    func revoked() async throws -> Set<String> {
        let entries = try await store.revocations(after: 0, atMost: 1000)
        let names = entries.compactMap { entry in
            grants.first { entry.subject == .grant($0.value) }?.key
        }
        guard names.count == entries.count, Set(names).count == names.count else { throw BrokenFixture() }
        return Set(names)
    }

    /// Who has to be told of what, in words.
    func notices(at now: Timestamp = .noon) async throws -> Set<String> {
        let names = [here: "here", there: "there"]
        return Set(
            try await store.claimLogoutNotices(atMost: 100, butFor: [], leaseUntil: now.adding(seconds: 8), at: now)
                .map { "\($0.client.rawValue) \(names[$0.session] ?? "elsewhere") \($0.account == alice ? "" : "?")" }
                .map { $0.split(separator: " ").joined(separator: " ") })
    }
}
