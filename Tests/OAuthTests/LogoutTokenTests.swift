import Accounts
import Cryptography
import JOSE
import TestSupport
import Testing
import Time

@testable import OAuth

@Suite struct LogoutTokenTests {
    private static let notice = LogoutNotice(
        session: SessionID("session"), client: ClientID("app"), account: OpenIDScene.alice, queuedAt: .noon, attempt: 1)

    private func issuer(_ scene: OpenIDScene) -> LogoutTokenIssuer {
        LogoutTokenIssuer(issuer: scene.issuer, keys: scene.keys, subjects: scene.subjects, entropy: .seeded(1))
    }

    @Test(arguments: [SignatureAlgorithm.es256, .rs256, .edDSA])
    func `a token says whose session is over, signed like the client's ID tokens`(
        _ algorithm: SignatureAlgorithm
    ) throws {
        let scene = try OpenIDScene(keys: OpenIDScene.keySet("key-1", algorithm))
        var client = OpenIDScene.app
        client.idTokenAlgorithm = algorithm
        let token = try issuer(scene).issue(for: Self.notice, to: client, at: .noon.adding(milliseconds: 999))

        let key = try known(scene.keys.current.key(id: "key-1"))
        let verified = try JWS.verify(token, type: "logout+jwt", keys: { $0 == "key-1" ? key : nil })
        let claims = try JSONValue(parsing: verified.payload)
        #expect(claims["iss"]?.string == "https://login.example")
        #expect(claims["sub"]?.string == OpenIDScene.alice.rawValue)
        #expect(claims["aud"]?.string == "app")
        #expect(claims["iat"]?.integer == Timestamp.noon.seconds)
        #expect(claims["exp"]?.integer == Timestamp.noon.seconds + 120)
        #expect(claims["sid"]?.string == "session")
        #expect(claims["events"] == ["http://schemas.openid.net/event/backchannel-logout": [:]])
        let names = claims.object?.members.map(\.name).sorted()
        #expect(names == ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"], "and never a nonce")
    }

    @Test func `a pairwise client hears the names that its ID tokens have`() throws {
        let scene = try OpenIDScene([OpenIDScene.pairwise])
        let token = try issuer(scene).issue(for: Self.notice, to: OpenIDScene.pairwise, at: .noon)
        let claims = try JSONValue(parsing: UnverifiedJWS(token).payload)
        let known = try JSONValue(parsing: UnverifiedJWS(scene.idToken(for: OpenIDScene.pairwise)).payload)
        #expect(claims["sub"] == known["sub"] && claims["sid"] == known["sid"])
        #expect(claims["sub"]?.string != OpenIDScene.alice.rawValue)
    }

    @Test func `every token has an id of its own`() throws {
        let scene = try OpenIDScene()
        let issuer = issuer(scene)
        let ids = try (0..<10).map { _ in
            try JSONValue(
                parsing: UnverifiedJWS(issuer.issue(for: Self.notice, to: OpenIDScene.app, at: .noon)).payload)["jti"]?
                .string
        }
        #expect(Set(ids.compactMap(\.self)).count == 10)
    }

    @Test func `a logout token is no hint of who is signed in`() throws {
        let scene = try OpenIDScene()
        let token = try issuer(scene).issue(for: Self.notice, to: OpenIDScene.app, at: .noon)
        #expect(scene.hints.read(token, at: .noon) == nil)
    }

    @Test func `without a key for its algorithm there is no token`() throws {
        let scene = try OpenIDScene()
        var client = OpenIDScene.app
        client.idTokenAlgorithm = .rs256
        let failure = #expect(throws: OAuthError.self) {
            try issuer(scene).issue(for: Self.notice, to: client, at: .noon)
        }
        #expect(failure?.cause is MissingSigningKey)
    }
}
