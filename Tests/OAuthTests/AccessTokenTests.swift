import Accounts
import Cryptography
import JOSE
import OAuth
import TestSupport
import Testing
import Time

@Suite struct AccessTokenTests {
    /// A server's keys and what it issues and checks with them.
    private struct Server {
        let issuer: Issuer
        let keys: KeySet
        let tokens: AccessTokenIssuer
        let verifier: AccessTokenVerifier

        init(url: String = "https://login.example", keys: KeySet) throws {
            issuer = try known(Issuer(url))
            self.keys = keys
            var settings = TokenSettings()
            settings.accessLifetimeSeconds = 600
            tokens = AccessTokenIssuer(
                issuer: issuer, keys: keys, subjects: SubjectIdentifiers(secret: TestSecret.bytes), settings: settings,
                entropy: .seeded(1))
            verifier = AccessTokenVerifier(issuer: issuer, keys: keys)
        }
    }

    private static func keySet(_ kid: String = "key-1") throws -> KeySet {
        let key = JWSKey(kid: kid, signing: try SigningKey.generate(.es256))
        return KeySet(keys: [key], active: [.es256: key])
    }

    private let grant = Grant(
        id: GrantID("grant"), account: AccountID("account"), client: ClientID("game"),
        scope: Scope("offline profile") ?? .empty, authenticatedAt: .noon.adding(seconds: -60),
        methods: [.oneTimePassword, .sms])

    @Test func `a user's token says who, for whom, what and until when`() async throws {
        let server = try Server(keys: Self.keySet())
        let issued = try await server.tokens.issue(
            for: grant, scope: try known(Scope("profile")), to: .fixture(), at: .noon.adding(milliseconds: 999))
        #expect(issued.lifetimeSeconds == 600)

        let token = try server.verifier.verify(issued.token, at: .noon.adding(milliseconds: 999))
        #expect(token.subject == "account")
        #expect(token.client == ClientID("game"))
        #expect(token.audience == ["game"])
        #expect(token.scope.text == "profile")
        #expect(token.grant == GrantID("grant"))
        #expect(token.issuedAt == .noon)
        #expect(token.expiresAt == .noon.adding(seconds: 600))

        let jws = try UnverifiedJWS(issued.token)
        let claims = try JSONValue(parsing: jws.payload)
        #expect(claims["iss"]?.string == "https://login.example")
        #expect(claims["auth_time"]?.integer == Timestamp.noon.seconds - 60)
        #expect(claims["amr"]?.array?.compactMap(\.string) == ["otp", "sms"])
    }

    @Test func `a client's own token has no grant, and every token an id of its own`() throws {
        let server = try Server(keys: Self.keySet())
        let tokens = try (0..<100).map { _ in
            let issued = try server.tokens.issue(scope: .empty, to: .fixture("machine", secret: "secret"), at: .noon)
            return try server.verifier.verify(issued.token, at: .noon)
        }
        #expect(tokens.allSatisfy { $0.grant == nil && $0.subject == "machine" && $0.scope.isEmpty })
        #expect(Set(tokens.map(\.id)).count == 100)
    }

    @Test func `a token that was seen before still ends at its millisecond`() async throws {
        let server = try Server(keys: Self.keySet())
        let issued = try await server.tokens.issue(for: grant, scope: grant.scope, to: .fixture(), at: .noon)
        let end = Timestamp.noon.adding(seconds: 600)
        for _ in 0..<3 { _ = try server.verifier.verify(issued.token, at: end.adding(milliseconds: -1)) }
        #expect(throws: AccessTokenVerifier.Failure.invalid) { try server.verifier.verify(issued.token, at: end) }
        _ = try server.verifier.verify(issued.token, at: end.adding(milliseconds: -1))
    }

    @Test func `when its key is gone, a token that was seen before is gone too`() async throws {
        let keys = try Self.keySet()
        let server = try Server(keys: keys)
        let issued = try await server.tokens.issue(for: grant, scope: grant.scope, to: .fixture(), at: .noon)
        _ = try server.verifier.verify(issued.token, at: .noon)
        let next = JWSKey(kid: "key-2", signing: try SigningKey.generate(.es256))
        keys.replace(keys: [next], active: [.es256: next])
        #expect(throws: AccessTokenVerifier.Failure.invalid) { try server.verifier.verify(issued.token, at: .noon) }
    }

    @Test func `a retired key checks what it signed and signs nothing more`() async throws {
        let old = JWSKey(kid: "old", signing: try SigningKey.generate(.es256))
        let new = JWSKey(kid: "new", signing: try SigningKey.generate(.es256))
        let keys = KeySet(keys: [old], active: [.es256: old])
        let server = try Server(keys: keys)
        let before = try await server.tokens.issue(for: grant, scope: grant.scope, to: .fixture(), at: .noon)
        keys.replace(keys: [old, new], active: [.es256: new])
        let after = try await server.tokens.issue(for: grant, scope: grant.scope, to: .fixture(), at: .noon)
        for issued in [before, after] { _ = try server.verifier.verify(issued.token, at: .noon) }
        keys.replace(keys: [new], active: [.es256: new])
        #expect(throws: AccessTokenVerifier.Failure.invalid) { try server.verifier.verify(before.token, at: .noon) }
        _ = try server.verifier.verify(after.token, at: .noon)
    }

    @Test func `a token of another server, or another kind, is none of ours`() async throws {
        let keys = try Self.keySet()
        let server = try Server(keys: keys)
        let elsewhere = try Server(url: "https://login.example/tenant", keys: keys)
        let foreign = try await elsewhere.tokens.issue(for: grant, scope: grant.scope, to: .fixture(), at: .noon)
        #expect(throws: AccessTokenVerifier.Failure.invalid) { try server.verifier.verify(foreign.token, at: .noon) }

        let issued = try await server.tokens.issue(for: grant, scope: grant.scope, to: .fixture(), at: .noon)
        let key = try known(keys.current.activeKey(for: .es256))
        let payload = try UnverifiedJWS(issued.token).payload
        let identityToken = try JWS.sign(payload, type: "JWT", with: key)
        #expect(throws: AccessTokenVerifier.Failure.invalid) { try server.verifier.verify(identityToken, at: .noon) }
        #expect(throws: AccessTokenVerifier.Failure.invalid) {
            try server.verifier.verify(issued.token, at: .noon.adding(seconds: -60))
        }
    }

    @Test(arguments: ["", ".", "..", "a.b.c", "not a token", "eyJhbGciOiJub25lIn0.e30."])
    func `what is no token is refused`(_ text: String) throws {
        let server = try Server(keys: Self.keySet())
        #expect(throws: AccessTokenVerifier.Failure.self) { try server.verifier.verify(text, at: .noon) }
    }

    @Test func `without a key for its algorithm a client gets an error and no token`() async throws {
        let server = try Server(keys: Self.keySet())
        var client = Client.fixture()
        client.signingAlgorithm = .rs256
        let failure = await #expect(throws: OAuthError.self) {
            try await server.tokens.issue(for: grant, scope: grant.scope, to: client, at: .noon)
        }
        #expect(failure?.code == .serverError)
        #expect(failure?.cause is MissingSigningKey)
    }

    @Test func `a client's own lifetime and audience are its tokens'`() async throws {
        let server = try Server(keys: Self.keySet())
        var client = Client.fixture()
        client.accessTokenLifetimeSeconds = 5
        client.audience = ["one", "two"]
        let issued = try await server.tokens.issue(for: grant, scope: grant.scope, to: client, at: .noon)
        #expect(issued.lifetimeSeconds == 5)
        #expect(server.tokens.expiry(for: client, at: .noon) == .noon.adding(seconds: 5))
        let token = try server.verifier.verify(issued.token, at: .noon)
        #expect(token.audience == ["one", "two"])
        #expect(token.expiresAt == .noon.adding(seconds: 5))
    }
}
