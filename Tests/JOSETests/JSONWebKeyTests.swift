import Cryptography
import JOSE
import Testing

@Suite struct JSONWebKeyTests {
    static let asymmetric: [SignatureAlgorithm] = [.es256, .rs256, .edDSA]

    @Test(arguments: asymmetric)
    func `a key reads back from its own JSON`(_ algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.generate(algorithm)
        let jwk = try JSONWebKey(verificationKey: key.verificationKey, kid: "1")
        let read = try JSONWebKey(json: try JSONValue(parsing: jwk.json().serialized()))
        #expect(read == jwk)
        #expect(read.thumbprint == jwk.thumbprint)
        #expect(read.json()["use"] == "sig")
        #expect(read.json()["alg"] == .string(algorithm.rawValue))
        #expect(read.json()["kid"] == "1")
        #expect(read.verificationKey.verify(try key.sign([1]), of: [1]))
    }

    @Test func `only public members are published`() throws {
        for algorithm in Self.asymmetric {
            let key = JWSKey(kid: "1", signing: try SigningKey.generate(algorithm))
            let names = Set(JSONWebKey.published(key).json().object?.members.map(\.name) ?? [])
            #expect(names.isSubset(of: ["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid"]))
        }
    }

    @Test func `a secret has no JSON form`() throws {
        let secret = try SigningKey.generate(.hs256)
        #expect(throws: JOSEError.privateKeyMaterial) {
            try JSONWebKey(verificationKey: secret.verificationKey, kid: "1")
        }
        let set = JWKSet(publishing: [
            JWSKey(kid: "secret", signing: secret), JWSKey(kid: "public", signing: try SigningKey.generate(.es256)),
        ])
        #expect(set.keys.map(\.kid) == ["public"])
        #expect(!set.json().serializedText.contains("secret"))
    }

    static let deviations: [(member: String, value: JSONValue?, error: JOSEError)] = [
        ("kty", nil, .malformedKey), ("kty", 1, .malformedKey), ("kty", "oct", .unsupportedKey),
        ("kty", "ec", .unsupportedKey), ("kty", "OKP", .unsupportedKey), ("crv", nil, .unsupportedKey),
        ("crv", "P-384", .unsupportedKey), ("crv", 1, .malformedKey), ("x", nil, .malformedKey),
        ("x", "", .malformedKey),
        ("x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=", .malformedKey), ("x", 1, .malformedKey),
        ("y", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", .malformedKey),
        ("y", "AMfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt", .malformedKey),
        ("use", "enc", .unsupportedKey), ("use", 1, .malformedKey), ("alg", "ES384", .unsupportedKey),
        ("alg", "ECDH-ES", .unsupportedKey), ("alg", "HS256", .unsupportedKey), ("alg", 1, .malformedKey),
        ("key_ops", ["sign"], .unsupportedKey), ("key_ops", "verify", .malformedKey), ("kid", 1, .malformedKey),
        ("d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI", .privateKeyMaterial), ("k", "AA", .privateKeyMaterial),
        ("p", "", .privateKeyMaterial),
    ]

    @Test(arguments: deviations)
    func `one member that deviates is refused`(_ member: String, _ value: JSONValue?, _ error: JOSEError) throws {
        var object = try #require(Published.a3Key.object)
        object[member] = value
        #expect(throws: error) { try JSONWebKey(json: .object(object)) }
    }

    @Test(arguments: [.null, [], "key", 1] as [JSONValue])
    func `what is no object is no key`(_ json: JSONValue) {
        #expect(throws: JOSEError.malformedKey) { try JSONWebKey(json: json) }
    }

    @Test func `members that nobody knows are passed over`() throws {
        var object = try #require(Published.a3Key.object)
        object["x5t"] = "abc"
        object["key_ops"] = ["verify", "sign"]
        object["future"] = [1]
        #expect(try JSONWebKey(json: .object(object)).algorithm == .es256)
    }

    @Test func `the thumbprint does not depend on order or optional members`() throws {
        let plain = try JSONWebKey(json: Published.a3Key)
        let other = try JSONWebKey(json: [
            "use": "sig", "y": try #require(Published.a3Key["y"]), "kid": "9", "crv": "P-256", "alg": "ES256",
            "x": try #require(Published.a3Key["x"]), "kty": "EC",
        ])
        #expect(plain.thumbprint == other.thumbprint)
        #expect(plain != other)
        #expect(plain.jwsKey.kid == plain.thumbprint)
    }
}

@Suite struct JWKSetTests {
    @Test func `a set reads back and finds its keys`() throws {
        let keys = try JSONWebKeyTests.asymmetric.map { JWSKey(kid: $0.rawValue, signing: try SigningKey.generate($0)) }
        let set = try JWKSet(parsing: JWKSet(publishing: keys).json().serialized())
        #expect(set.keys.count == 3)
        for key in keys { #expect(set.key(key.kid)?.algorithm == key.algorithm) }
        #expect(set.key("other") == nil)
        #expect(set.key("es256") == nil)
        #expect(set.key(nil) == nil)
    }

    @Test func `a token without kid gets the only key there is`() throws {
        let set = try JWKSet(json: ["keys": [Published.a3Key]])
        #expect(set.key(nil)?.algorithm == .es256)
        #expect(set.key("any") == nil)
    }

    @Test func `keys of no use here are passed over and a private key is not`() throws {
        let odd: [JSONValue] = [["kty": "oct2"], Published.rfc7520EC, "text", ["kty": "EC"], Published.rfc7638Key]
        #expect(try JWKSet(json: ["keys": .array(odd)]).keys.count == 1)
        #expect(throws: JOSEError.privateKeyMaterial) {
            try JWKSet(json: ["keys": .array(odd + [Published.rfc7520Secret])])
        }
    }

    @Test(arguments: ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[],"keys":[]}"#])
    func `what is no set is refused`(_ text: String) {
        #expect(throws: JOSEError.malformedKey) { try JWKSet(parsing: Array(text.utf8)) }
    }

    @Test func `a set is bounded`() throws {
        let many = [JSONValue](repeating: Published.a3Key, count: JWKSet.countLimit + 1)
        #expect(throws: JOSEError.malformedKey) { try JWKSet(json: ["keys": .array(many)]) }
        #expect(try JWKSet(json: ["keys": .array(Array(many.dropLast()))]).keys.count == JWKSet.countLimit)
    }
}
