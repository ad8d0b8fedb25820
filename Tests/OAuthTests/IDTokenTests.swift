import Accounts
import Cryptography
import JOSE
import TestSupport
import Testing
import Time

@testable import OAuth

@Suite struct IDTokenTests {
    static let published: [SignatureAlgorithm] = [.es256, .rs256, .edDSA]

    private func claims(_ token: String) throws -> JSONValue { try JSONValue(parsing: UnverifiedJWS(token).payload) }

    @Test(arguments: published)
    func `a token says who, for whom, when and how, signed as its client chose`(
        _ algorithm: SignatureAlgorithm
    ) throws {
        let scene = try OpenIDScene(keys: OpenIDScene.keySet("key-1", algorithm))
        var client = OpenIDScene.app
        client.idTokenAlgorithm = algorithm
        let token = try scene.idTokens.issue(
            for: OpenIDScene.grant(), nonce: "n-0S6_WzA2Mj", accessToken: "access token", to: client,
            at: .noon.adding(milliseconds: 999))

        let key = try known(scene.keys.current.key(id: "key-1"))
        let verified = try JWS.verify(token, type: "JWT", keys: { $0 == "key-1" ? key : nil })
        #expect(verified.header["alg"]?.string == algorithm.rawValue)
        let claims = try JSONValue(parsing: verified.payload)
        #expect(claims["iss"]?.string == "https://login.example")
        #expect(claims["sub"]?.string == OpenIDScene.alice.rawValue)
        #expect(claims["aud"]?.string == "app")
        #expect(claims["iat"]?.integer == Timestamp.noon.seconds)
        #expect(claims["exp"]?.integer == Timestamp.noon.seconds + 3600)
        #expect(claims["auth_time"]?.integer == Timestamp.noon.seconds - 60)
        #expect(claims["nonce"]?.string == "n-0S6_WzA2Mj")
        #expect(claims["acr"]?.string == "aal1")
        #expect(claims["amr"]?.array?.compactMap(\.string) == ["otp", "sms"])
        #expect(claims["sid"]?.string == "session")
        #expect(claims["at_hash"]?.string == IDTokenIssuer.hash(of: "access token", for: algorithm))
        let names = claims.object?.members.map(\.name).sorted()
        #expect(
            names == ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"],
            "no number, no scope, nothing else")
    }

    @Test func `what a sign-in does not have is left out`() throws {
        let scene = try OpenIDScene()
        let token = try scene.idTokens.issue(
            for: OpenIDScene.grant(session: nil), nonce: nil, accessToken: "access token", to: OpenIDScene.app,
            at: .noon)
        let claims = try claims(token)
        #expect(claims["nonce"] == nil)
        #expect(claims["sid"] == nil)
    }

    @Test func `a pairwise client hears names of its own for person and session`() throws {
        let scene = try OpenIDScene([OpenIDScene.pairwise])
        let claims = try claims(scene.idToken(for: OpenIDScene.pairwise))
        let (person, session) = (OpenIDScene.alice, SessionID("session"))
        #expect(claims["sub"]?.string == scene.subjects.subject(of: person, for: OpenIDScene.pairwise))
        #expect(claims["sid"]?.string == scene.subjects.session(session, for: OpenIDScene.pairwise))
        let text = String(decoding: claims.serialized(), as: UTF8.self)
        #expect(!text.contains(person.rawValue) && !text.contains("\"session\""))
    }

    /// OpenID Connect Core §3.1.3.6. The first is the example of its Appendix A.4; the others were computed with
    /// Python's hashlib.
    static let hashes: [(algorithm: SignatureAlgorithm, token: String, hash: String)] = [
        (.rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"),
        (.es256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"),
        (
            .edDSA, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"
        ),
    ]

    @Test(arguments: hashes)
    func `the access token is named by the left half of its digest`(
        _ row: (algorithm: SignatureAlgorithm, token: String, hash: String)
    ) throws {
        let scene = try OpenIDScene(keys: OpenIDScene.keySet("key-1", row.algorithm))
        var client = OpenIDScene.app
        client.idTokenAlgorithm = row.algorithm
        let token = try scene.idTokens.issue(
            for: OpenIDScene.grant(), nonce: nil, accessToken: row.token, to: client, at: .noon)
        #expect(try claims(token)["at_hash"]?.string == row.hash)
    }

    @Test func `without a key for its algorithm a client gets an error and no token`() throws {
        let scene = try OpenIDScene()
        var client = OpenIDScene.app
        client.idTokenAlgorithm = .rs256
        let failure = #expect(throws: OAuthError.self) { try scene.idToken(for: client) }
        #expect(failure?.code == .serverError)
        #expect(failure?.cause is MissingSigningKey)
    }
}

/// An ID token that comes back as a hint.
@Suite struct IDTokenHintTests {
    private func hint(
        _ account: AccountID = OpenIDScene.alice, session: String? = "session"
    ) -> IDTokenHints.Hint {
        IDTokenHints.Hint(client: ClientID("app"), subject: account.rawValue, session: session)
    }

    @Test func `a token of ours says whom it was about, long after it expired`() throws {
        let scene = try OpenIDScene()
        for age in [0, 3600, 3601, 1_000_000_000] {
            let token = try scene.idToken(at: .noon.adding(seconds: -age))
            #expect(scene.hints.read(token, at: .noon) == hint())
        }
        #expect(scene.hints.read(try scene.idToken(session: nil), at: .noon) == hint(session: nil))
        #expect(scene.hints.read(try scene.idToken(of: OpenIDScene.bob), at: .noon) == hint(OpenIDScene.bob))
    }

    @Test(arguments: [SignatureAlgorithm.es256, .rs256, .edDSA])
    func `a token of a retired key still says so, and of one that is gone no more`(
        _ algorithm: SignatureAlgorithm
    ) throws {
        let old = JWSKey(kid: "old", signing: try SigningKey.generate(algorithm))
        let new = JWSKey(kid: "new", signing: try SigningKey.generate(algorithm))
        let scene = try OpenIDScene(keys: KeySet(keys: [old], active: [algorithm: old]))
        var client = OpenIDScene.app
        client.idTokenAlgorithm = algorithm
        let token = try scene.idToken(for: client)
        scene.keys.replace(keys: [old, new], active: [algorithm: new])
        #expect(scene.hints.read(token, at: .noon) == hint())
        scene.keys.replace(keys: [new], active: [algorithm: new])
        #expect(scene.hints.read(token, at: .noon) == nil)
    }

    /// A token made by hand: everything about it is right but what a row says.
    struct Forgery: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var header: @Sendable (inout JSONObject) -> Void = { _ in }
        var claims: @Sendable (inout JSONObject) -> Void = { _ in }
        /// `nil`: the server's own.
        var signer: (@Sendable (_ server: SigningKey) throws -> SigningKey)?
    }

    static let forgeries: [Forgery] = [
        Forgery(testDescription: "another issuer", claims: { $0["iss"] = "https://evil.example" }),
        Forgery(testDescription: "an issuer that ours begins", claims: { $0["iss"] = "https://login.example/tenant" }),
        Forgery(testDescription: "our issuer with a slash", claims: { $0["iss"] = "https://login.example/" }),
        Forgery(testDescription: "an issuer that looks alike", claims: { $0["iss"] = "https://login.exampl\u{435}" }),
        Forgery(testDescription: "no issuer", claims: { $0["iss"] = nil }),
        Forgery(testDescription: "two issuers", claims: { $0["iss"] = ["https://login.example"] }),
        Forgery(testDescription: "no subject", claims: { $0["sub"] = nil }),
        Forgery(testDescription: "a subject that is no text", claims: { $0["sub"] = 17 }),
        Forgery(testDescription: "no audience", claims: { $0["aud"] = nil }),
        Forgery(testDescription: "two audiences", claims: { $0["aud"] = ["app", "another"] }),
        Forgery(testDescription: "an access token", header: { $0["typ"] = "at+jwt" }),
        Forgery(testDescription: "no type", header: { $0["typ"] = nil }),
        Forgery(testDescription: "an unknown key", header: { $0["kid"] = "key-2" }),
        Forgery(testDescription: "no key", header: { $0["kid"] = nil }),
        Forgery(testDescription: "an extension", header: { $0["crit"] = ["exp"] }),
        Forgery(testDescription: "no signature to speak of", header: { $0["alg"] = "none" }),
        Forgery(testDescription: "another algorithm's name", header: { $0["alg"] = "RS256" }),
        Forgery(testDescription: "another key by our name", signer: { _ in try SigningKey.generate(.es256) }),
        Forgery(
            testDescription: "our public key as a secret", header: { $0["alg"] = "HS256" },
            signer: { server in
                let published = try JSONWebKey(verificationKey: server.verificationKey, kid: nil)
                return try SigningKey(secret: published.json().serialized())
            }),
    ]

    @Test(arguments: forgeries)
    func `what this server did not say is no hint`(_ forgery: Forgery) throws {
        let key = try SigningKey.generate(.es256)
        let server = JWSKey(kid: "key-1", signing: key)
        let scene = try OpenIDScene(keys: KeySet(keys: [server], active: [.es256: server]))
        var header: JSONObject = ["alg": "ES256", "typ": "JWT", "kid": "key-1"]
        var claims: JSONObject = [
            "iss": "https://login.example", "sub": .string(OpenIDScene.alice.rawValue), "aud": "app",
            "exp": .integer(Timestamp.noon.seconds + 60), "iat": .integer(Timestamp.noon.seconds), "sid": "session",
        ]
        let good = try Self.token(header, claims, signedBy: key)
        #expect(scene.hints.read(good, at: .noon) == hint(), "what every row deviates from")

        forgery.header(&header)
        forgery.claims(&claims)
        let token = try Self.token(header, claims, signedBy: forgery.signer?(key) ?? key)
        #expect(scene.hints.read(token, at: .noon) == nil)
    }

    private static func token(
        _ header: JSONObject, _ claims: JSONObject, signedBy key: SigningKey
    ) throws -> String {
        let input = "\(Base64URL.encode(header.serialized())).\(Base64URL.encode(claims.serialized()))"
        return "\(input).\(Base64URL.encode(try key.sign(Array(input.utf8))))"
    }

    /// A secret is shared with whoever checks access tokens by it; what they can write says nothing of people.
    @Test func `a token of a symmetric key is no hint, even of the key set's own`() throws {
        let secret = JWSKey(kid: "secret", signing: try SigningKey.generate(.hs256))
        let server = JWSKey(kid: "key-1", signing: try SigningKey.generate(.es256))
        let scene = try OpenIDScene(
            keys: KeySet(keys: [server, secret], active: [.es256: server, .hs256: secret]))
        let payload = try UnverifiedJWS(scene.idToken()).payload
        #expect(scene.hints.read(try JWS.sign(payload, type: "JWT", with: server), at: .noon) == hint())
        #expect(scene.hints.read(try JWS.sign(payload, type: "JWT", with: secret), at: .noon) == nil)
    }

    @Test func `this server's own access token is no hint`() async throws {
        let scene = try OpenIDScene()
        let tokens = AccessTokenIssuer(
            issuer: scene.issuer, keys: scene.keys, subjects: scene.subjects, settings: TokenSettings(),
            entropy: .seeded(1))
        let issued = try await tokens.issue(
            for: OpenIDScene.grant(), scope: try known(Scope("openid")), to: OpenIDScene.app, at: .noon)
        #expect(scene.hints.read(issued.token, at: .noon) == nil)
    }

    @Test func `a token that was changed is no hint`() throws {
        let scene = try OpenIDScene()
        let token = try scene.idToken()
        let parts = token.split(separator: ".").map(String.init)
        let other = try scene.idToken(of: OpenIDScene.bob).split(separator: ".").map(String.init)
        let changed = [
            "", ".", "..", "nonsense", token + "A", String(token.dropLast()), token + " ", " " + token,
            "\(parts[0]).\(other[1]).\(parts[2])", "\(parts[0]).\(parts[1]).\(other[2])", "\(parts[0]).\(parts[1]).",
            "\(parts[0])..\(parts[2])", String(repeating: "A", count: 20_000),
        ]
        for text in changed { #expect(scene.hints.read(text, at: .noon) == nil) }
    }
}
