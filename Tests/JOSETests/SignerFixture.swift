import Cryptography
import JOSE
import Time

/// A signer, and tokens of it with any header and payload one likes, the signature always being good.
struct SignerFixture {
    static let noon = Timestamp(seconds: 1_750_000_000)
    static let issuer = "https://login.example.com"
    static let audience = "https://api.example.com"

    let key: SigningKey
    let jwsKey: JWSKey

    init(_ algorithm: SignatureAlgorithm = .es256, kid: String = "key 1") throws {
        key = try SigningKey.generate(algorithm)
        jwsKey = JWSKey(kid: kid, signing: key)
    }

    static var claims: JWTClaims {
        var claims = JWTClaims()
        claims.issuer = issuer
        claims.subject = "user 1"
        claims.audience = [audience]
        claims.expiresAt = noon.adding(seconds: 60)
        claims.issuedAt = noon
        return claims
    }

    static var header: JSONObject { ["alg": "ES256", "typ": "at+jwt", "kid": "key 1"] }

    static var expectation: JWTClaims.Expectation { .init(issuer: issuer, audience: audience) }

    func token(header: [UInt8], payload: [UInt8]) throws -> String {
        let input = "\(Base64URL.encode(header)).\(Base64URL.encode(payload))"
        return "\(input).\(Base64URL.encode(try key.sign(Array(input.utf8))))"
    }

    func token(header: JSONObject = Self.header, claims: JWTClaims = Self.claims) throws -> String {
        try token(header: header.serialized(), payload: claims.members.serialized())
    }

    /// As a resource server would.
    @discardableResult
    func verify(_ token: String) throws -> JWTClaims {
        try JWT.verify(
            token, type: "at+jwt", keys: { $0 == jwsKey.kid ? jwsKey : nil }, expecting: Self.expectation, at: Self.noon
        )
    }
}
