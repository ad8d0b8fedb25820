import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// What counts once, and what is bound to a key.
@Suite struct BoundTokenTests {
    private let login = PhoneLoginFixture()
    private let client = TokenFixture()

    private func identifier(_ text: String, _ purpose: OneTimeIdentifier.Purpose = .dpopProof) -> OneTimeIdentifier {
        OneTimeIdentifier(purpose, of: "owner", text, expiresAt: .noon.adding(seconds: 300))
    }

    @Test(arguments: Backend.allCases)
    func `of 50 that race with one identifier one is the first`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let firsts = try await race(50) { [identifier] index in
                try await stores.turn(index).spend(identifier("jti", .dpopProof), charging: [], at: .noon) == .first
            }
            #expect(firsts.count { $0 } == 1)
            #expect(
                try await stores[0].spend(identifier("jti", .clientAssertion), charging: [], at: .noon) == .first,
                "of another kind")
            #expect(
                try await stores[0].spend(identifier("JTI"), charging: [], at: .noon) == .first, "of another name")
        }
    }

    @Test(arguments: Backend.allCases)
    func `an identifier is remembered until what it names is too old`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await store.spend(identifier("jti"), charging: [], at: .noon)
            let end = Timestamp.noon.adding(seconds: 300)
            _ = try await store.removeExpired(.init(), batch: 100, at: end.adding(milliseconds: -1))
            #expect(try await store.spend(identifier("jti"), charging: [], at: .noon) == .repeated)
            _ = try await store.removeExpired(.init(), batch: 100, at: end)
            #expect(try await store.count("spent_identifier") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an address shows so many proofs, and none of those beyond is kept`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.proofPerIP, Limit(count: 2, windowSeconds: 60), subject: "address"))
            for name in ["one", "two"] {
                #expect(try await store.spend(identifier(name), charging: [charge], at: .noon) == .first)
            }
            guard case .limited = try await store.spend(identifier("three"), charging: [charge], at: .noon) else {
                Issue.record("a third was let in")
                return
            }
            #expect(try await store.count("spent_identifier") == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `pushes to a client without a secret count for their address alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let one = Limit(count: 1, windowSeconds: 60)
            let pushed = PushedRequests(
                store: store, secret: TestSecret.bytes, limitPerClient: one, limitPerAddress: one, entropy: .seeded(4))
            let elsewhere = RequestOrigin(requestID: "request-2", address: "198.51.100.1")
            for origin in [RequestOrigin.home, elsewhere] {
                _ = try await pushed.push([], of: .fixture("game"), by: origin, at: .noon)
                await #expect(throws: OAuthError.self) {
                    _ = try await pushed.push([], of: .fixture("game"), by: origin, at: .noon)
                }
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 50 that race for a pushed request one takes it`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let pushed = PushedRequests(
                store: stores[0], secret: TestSecret.bytes, limitPerClient: nil, limitPerAddress: nil,
                entropy: .seeded(3))
            let reference = try await pushed.push([("scope", "openid")], of: .fixture("game"), by: .home, at: .noon)
            let digest = SHA256Digest(of: String(reference.requestURI.split(separator: ":").last ?? ""))
            #expect(try await stores[1].take(digest, of: ClientID("other"), at: .noon) == nil)
            let taken = try await race(50) { index in
                try await stores.turn(index).take(digest, of: ClientID("game"), at: .noon) != nil
            }
            #expect(taken.count { $0 } == 1)
            let late = try await pushed.push([("scope", "openid")], of: .fixture("game"), by: .home, at: .noon)
            let lateDigest = SHA256Digest(of: String(late.requestURI.split(separator: ":").last ?? ""))
            let end = Timestamp.noon.adding(seconds: late.expiresInSeconds)
            #expect(try await stores[2].take(lateDigest, of: ClientID("game"), at: end) == nil)
        }
    }

    private static let key = KeyConfirmation.jwkThumbprint("key of the game")

    @Test(arguments: Backend.allCases)
    func `a refresh token keeps its key over rotations`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(authorizationCode: "code", on: store)
            let presentation = CodePresentation(
                digest: SHA256Digest(of: "code"), client: client.client, redirectURI: nil, answeredChallenge: nil,
                confirmation: Self.key,
                refreshToken: NewRefreshToken(
                    digest: SHA256Digest(of: "first"), expiresAt: .noon.adding(seconds: 3600), confirmation: Self.key),
                accessTokenExpiresAt: .noon.adding(seconds: 3600))
            _ = try await store.redeem(presentation, charging: [], from: .home, at: .noon)
            for (token, next) in [("first", "second"), ("second", "third")] {
                #expect(try await rotate(token, next, shows: .jwkThumbprint("another"), on: store) == .refused)
                #expect(try await rotate(token, next, shows: nil, on: store) == .refused)
                #expect(try await rotate(token, next, shows: Self.key, on: store) == .rotated, "it was not spent")
                #expect(try await rotate(token, next, shows: nil, on: store) == .refused, "nor inside the grace")
            }
        }
    }

    private func rotate(
        _ token: String, _ next: String, shows key: KeyConfirmation?, on store: SQLStore
    ) async throws -> RefreshRotation.Kind {
        let presentation = RefreshPresentation(
            digest: SHA256Digest(of: token), client: client.client,
            successor: NewRefreshToken(digest: SHA256Digest(of: next), expiresAt: .noon.adding(seconds: 3600)),
            graceSeconds: 30, accessTokenExpiresAt: .noon.adding(seconds: 3600),
            objection: { _, bound in
                bound == key ? nil : OAuthError(.invalidGrant, "the refresh token is bound to another key")
            })
        return try await store.rotate(presentation, charging: [], from: .home, at: .noon).kind
    }
}
