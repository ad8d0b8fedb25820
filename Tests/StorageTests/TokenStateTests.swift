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

/// What introspection and revocation see and do.
@Suite struct TokenStateTests {
    private let client = TokenFixture()
    private let digest = SHA256Digest(of: "token")

    @Test(arguments: Backend.allCases)
    func `a refresh token shows its grant while it is good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let grant = try await client.grant(holding: "token", on: store)
            let state = try #require(try await store.refreshToken(digest, at: .noon))
            #expect(state.grant == grant)
            #expect(state.expiresAt == .noon.adding(seconds: 86_400))

            let last = Timestamp.noon.adding(seconds: 86_400).adding(milliseconds: -1)
            #expect(try await store.refreshToken(digest, at: last) != nil)
            #expect(try await store.refreshToken(digest, at: last.adding(milliseconds: 1)) == nil)
            #expect(try await store.refreshToken(SHA256Digest(of: "no token"), at: .noon) == nil)

            _ = try await client.rotate("token", to: "successor", on: store)
            #expect(try await store.refreshToken(digest, at: .noon) == nil)
            #expect(try await store.refreshToken(SHA256Digest(of: "successor"), at: .noon) != nil)
        }
    }

    /// Each ends every token of the grant that hangs from "token".
    static let ends: [(name: String, end: @Sendable (SQLStore) async throws -> Void)] = [
        (
            "its client revokes the refresh token",
            { store in
                try await store.revokeRefreshToken(
                    SHA256Digest(of: "token"), of: ClientID("game"), from: .home, at: .noon)
            }
        ),
        (
            "its account is disabled",
            { store in _ = try await store.setDisabled(true, .number("+819012345678"), at: .noon) }
        ),
        (
            "a spent refresh token comes back after the grace",
            { store in
                let client = TokenFixture()
                _ = try await client.rotate("token", to: "successor", on: store)
                _ = try await client.rotate("token", to: "successor", on: store, at: .noon.adding(seconds: 30))
            }
        ),
    ]

    @Test(arguments: Backend.allCases, ends)
    func `a grant that ended has no active token, on any connection`(
        on backend: Backend, _ row: (name: String, end: @Sendable (SQLStore) async throws -> Void)
    ) async throws {
        try await backend.withStores(2) { stores in
            let grant = try await client.grant(holding: "token", on: stores[0])
            var bob = PhoneLoginFixture()
            bob.phone = .bob
            let other = try await client.grant(holding: "of bob", login: bob, on: stores[0])
            #expect(try await stores[1].isActive(tokenID: "access token", grant: grant.id))

            try await row.end(stores[0])
            for store in stores {
                #expect(try await store.isActive(tokenID: "access token", grant: grant.id) == false)
                #expect(try await store.refreshToken(digest, at: .noon) == nil)
                #expect(try await store.isActive(tokenID: "access token", grant: other.id))
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `an access token that is revoked ends alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let grant = try await client.grant(holding: "token", on: store)
            let expiry = Timestamp.noon.adding(seconds: 3600)
            for _ in 0..<2 {
                try await store.revokeAccessToken(
                    id: "access token", expiresAt: expiry, of: ClientID("game"), from: .home, at: .noon)
            }
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id) == false)
            #expect(try await store.isActive(tokenID: "access token", grant: nil) == false)
            #expect(try await store.isActive(tokenID: "another", grant: grant.id))
            #expect(try await store.isActive(tokenID: "another", grant: nil))
            #expect(try await store.refreshToken(digest, at: .noon) != nil)
            #expect(try await store.log().map(\.kind) == [.tokenRevoked], "the second time there is nothing to do")
        }
    }

    @Test(arguments: Backend.allCases)
    func `another client's token, or none at all, is nothing to revoke`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let grant = try await client.grant(holding: "token", on: store)
            try await store.revokeRefreshToken(digest, of: ClientID("another-game"), from: .home, at: .noon)
            try await store.revokeRefreshToken(
                SHA256Digest(of: "no token"), of: ClientID("game"), from: .home, at: .noon)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id))
            #expect(try await store.log().isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a spent refresh token still revokes its grant`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let grant = try await client.grant(holding: "token", on: store)
            _ = try await client.rotate("token", to: "successor", on: store)
            try await store.revokeRefreshToken(digest, of: ClientID("game"), from: .home, at: .noon)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id) == false)
            try await store.revokeRefreshToken(digest, of: ClientID("game"), from: .home, at: .noon)
            #expect(try await store.log().map(\.kind) == [.tokenRevoked])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a grant nobody knows has no active token`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let isActive = try await store.isActive(tokenID: "access token", grant: GrantID("no grant"))
            #expect(!isActive)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a rotation that races the revocation of its family leaves nothing good behind`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<20 {
                let token = "token \(round)"
                let grant = try await client.grant(holding: token, on: stores[0])
                async let rotation = client.rotate(token, to: "successor \(round)", on: stores[0])
                async let revocation: Void = stores[1].revokeRefreshToken(
                    SHA256Digest(of: token), of: ClientID("game"), from: .home, at: .noon)
                _ = try await (rotation, revocation)

                #expect(try await stores[0].isActive(tokenID: "access token", grant: grant.id) == false)
                let state = try await stores[0].refreshToken(SHA256Digest(of: "successor \(round)"), at: .noon)
                #expect(state == nil)
            }
        }
    }
}
