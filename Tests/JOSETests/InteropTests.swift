import Cryptography
import JOSE
import Testing
import Time

/// Both directions against joserfc, a library of another language, other authors and other primitives.
@Suite(.timeLimit(.minutes(1))) struct InteropTests {
    private static let now = WallClock.system.now()

    private static var claims: JWTClaims {
        var claims = SignerFixture.claims
        claims.issuedAt = now
        claims.expiresAt = now.adding(seconds: 300)
        claims["scope"] = "openid 電話 \"quoted\" \\ \u{1F600}"
        claims["nested"] = ["a": [1, -2, .number(1.5), true, .null], "b": ""]
        return claims
    }

    @Test func `joserfc accepts what we sign, with the keys we publish`() throws {
        let keys = try SignatureAlgorithm.allCases.map { algorithm -> (key: SigningKey, secret: String?) in
            guard algorithm.isSymmetric else { return (try SigningKey.generate(algorithm), nil) }
            let secret = Entropy.system.bytes(32)
            return (try SigningKey(secret: secret), Base64URL.encode(secret))
        }
        var tokens: [JSONValue] = []
        var pems: [JSONValue] = []
        for (key, secret) in keys {
            let kid = "swift \(key.algorithm.rawValue)"
            let token = try JWT.sign(Self.claims, type: "at+jwt", with: JWSKey(kid: kid, signing: key))
            var entry: JSONObject = [
                "token": .string(token), "alg": .string(key.algorithm.rawValue), "kid": .string(kid),
            ]
            entry["secret"] = secret.map(JSONValue.string)
            tokens.append(.object(entry))
            if secret == nil { pems.append(["kid": .string(kid), "pem": .string(try key.pem())]) }
        }
        let set = JWKSet(publishing: keys.map { JWSKey(kid: "swift \($0.key.algorithm.rawValue)", signing: $0.key) })
        let answer = try PythonScript.run(
            "verify",
            [
                "jwks": set.json(), "tokens": .array(tokens), "pems": .array(pems),
                "issuer": .string(SignerFixture.issuer), "audience": .string(SignerFixture.audience),
            ])

        #expect(answer["claims"]?.array == [JSONValue](repeating: .object(Self.claims.members), count: 4))
        #expect(answer["headers"]?.array?.compactMap { $0["typ"]?.string } == ["at+jwt", "at+jwt", "at+jwt", "at+jwt"])
        let thumbprints = JSONValue.object(JSONObject(set.keys.map { ($0.kid ?? "", .string($0.thumbprint)) }))
        #expect(set.keys.count == 3)
        #expect(answer["thumbprints"] == thumbprints)
        #expect(answer["pem_thumbprints"] == thumbprints)
    }

    @Test func `we accept what joserfc signs, with the keys it publishes`() throws {
        let answer = try PythonScript.run(
            "make", ["claims": .object(Self.claims.members), "type": "at+jwt"])
        let set = try JWKSet(json: try #require(answer["jwks"]))
        let tokens = try #require(answer["tokens"]?.array)
        #expect(set.keys.count == 3)
        #expect(tokens.count == 4)
        for entry in tokens {
            let secret = try entry["secret"]?.string.flatMap { Base64URL.decode($0) }.map { try SigningKey(secret: $0) }
            let claims = try JWT.verify(
                try #require(entry["token"]?.string), type: "at+jwt",
                keys: { kid in secret.map { JWSKey(kid: "python HS256", signing: $0) } ?? set.key(kid) },
                expecting: SignerFixture.expectation, at: Self.now)
            #expect(claims == Self.claims)
        }
        for key in set.keys {
            let kid = try #require(key.kid)
            #expect(answer["thumbprints"]?[kid] == .string(key.thumbprint))
            let privateKey = try SigningKey(pem: try #require(answer["pems"]?[kid]?.string))
            #expect(privateKey.verificationKey.parameters == key.verificationKey.parameters)
        }
    }
}
