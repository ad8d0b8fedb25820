import JOSE
import Testing
import Time

@Suite struct JWTClaimsTests {
    private static let noon = SignerFixture.noon

    private func check(
        _ claims: JWTClaims, _ expectation: JWTClaims.Expectation = SignerFixture.expectation,
        at now: Timestamp = JWTClaimsTests.noon
    ) throws {
        try claims.check(expectation, at: now)
    }

    @Test func `claims that meet the expectation pass`() throws {
        try check(SignerFixture.claims)
    }

    static let deviations: [(claim: String, value: JSONValue?, error: JOSEError)] = [
        ("iss", nil, .wrongIssuer), ("iss", "https://login.example.com/", .wrongIssuer),
        ("iss", "HTTPS://login.example.com", .wrongIssuer), ("iss", "", .wrongIssuer), ("iss", 1, .malformedClaim),
        ("iss", ["https://login.example.com"], .malformedClaim), ("iss", .null, .malformedClaim),
        ("aud", nil, .wrongAudience), ("aud", "https://api.example.com/", .wrongAudience), ("aud", [], .wrongAudience),
        ("aud", ["a", "b"], .wrongAudience), ("aud", 1, .malformedClaim),
        ("aud", ["https://api.example.com", 1], .malformedClaim),
        ("aud", ["https://api.example.com": true], .malformedClaim), ("aud", .null, .malformedClaim),
        ("exp", nil, .missingExpiry), ("exp", 1_750_000_000, .expired), ("exp", 1_749_999_999, .expired),
        ("exp", .number(1_750_000_000.0), .expired), ("exp", 0, .expired), ("exp", -1, .expired),
        ("exp", "1750000060", .malformedClaim), ("exp", .null, .malformedClaim), ("exp", true, .malformedClaim),
        ("exp", .integer(.max), .malformedClaim), ("exp", .number(1e300), .malformedClaim),
        ("nbf", 1_750_000_001, .notYetValid), ("nbf", .number(1_750_000_000.001), .notYetValid),
        ("nbf", "0", .malformedClaim), ("nbf", .integer(.min), .malformedClaim),
        ("iat", 1_750_000_001, .issuedInTheFuture), ("iat", "0", .malformedClaim), ("sub", 1, .malformedClaim),
        ("jti", [], .malformedClaim),
    ]

    @Test(arguments: deviations)
    func `one claim that deviates is refused`(_ claim: String, _ value: JSONValue?, _ error: JOSEError) throws {
        var claims = SignerFixture.claims
        claims[claim] = value
        #expect(throws: error) { try check(claims) }
        let signer = try SignerFixture()
        #expect(throws: error) { try signer.verify(signer.token(claims: claims)) }
    }

    @Test func `a token expires at the very millisecond`() throws {
        var claims = SignerFixture.claims
        claims["exp"] = .number(1_750_000_000.5)
        try check(claims, at: Timestamp(milliseconds: 1_750_000_000_499))
        #expect(throws: JOSEError.expired) { try check(claims, at: Timestamp(milliseconds: 1_750_000_000_500)) }
    }

    @Test func `a token begins at the very millisecond`() throws {
        var claims = SignerFixture.claims
        claims["nbf"] = 1_750_000_010
        #expect(throws: JOSEError.notYetValid) { try check(claims, at: Timestamp(milliseconds: 1_750_000_009_999)) }
        try check(claims, at: Timestamp(milliseconds: 1_750_000_010_000))
    }

    @Test func `leeway stretches every limit by as much and no more`() throws {
        var expectation = SignerFixture.expectation
        expectation.leewaySeconds = 30
        var claims = SignerFixture.claims
        claims.expiresAt = Self.noon
        claims.notBefore = Self.noon
        claims.issuedAt = Self.noon
        try check(claims, expectation, at: Self.noon.adding(milliseconds: 29_999))
        #expect(throws: JOSEError.expired) { try check(claims, expectation, at: Self.noon.adding(seconds: 30)) }
        claims.expiresAt = Self.noon.adding(seconds: 60)
        try check(claims, expectation, at: Self.noon.adding(seconds: -30))
        #expect(throws: JOSEError.notYetValid) {
            try check(claims, expectation, at: Self.noon.adding(milliseconds: -30_001))
        }
        claims.notBefore = nil
        #expect(throws: JOSEError.issuedInTheFuture) {
            try check(claims, expectation, at: Self.noon.adding(milliseconds: -30_001))
        }
    }

    @Test func `what is not expected is not asked for`() throws {
        try check(JWTClaims(), .init(requiresExpiry: false))
        #expect(throws: JOSEError.missingExpiry) { try check(JWTClaims(), .init()) }
        var expired = JWTClaims()
        expired.expiresAt = Self.noon
        #expect(throws: JOSEError.expired) { try check(expired, .init(requiresExpiry: false)) }
    }

    /// The Kelvin sign and the letter K are equal for Swift's `==`.
    @Test func `issuer and audience are compared by their bytes`() throws {
        var claims = SignerFixture.claims
        claims.issuer = "https://\u{212A}.example"
        #expect(throws: JOSEError.wrongIssuer) { try check(claims, .init(issuer: "https://K.example")) }
        claims.audience = ["\u{212A}"]
        #expect(throws: JOSEError.wrongAudience) { try check(claims, .init(audience: "K")) }
    }

    @Test func `one audience is written as a string and several as an array`() {
        var claims = JWTClaims()
        claims.audience = ["a"]
        #expect(claims["aud"] == "a")
        claims.audience = ["a", "b"]
        #expect(claims["aud"] == ["a", "b"])
        #expect(claims.audience == ["a", "b"])
        claims.audience = []
        #expect(claims["aud"] == nil)
        claims["aud"] = ["a"]
        #expect(claims.audience == ["a"])
    }

    @Test func `times are whole seconds on the wire and may be fractions when read`() {
        var claims = JWTClaims()
        claims.expiresAt = Timestamp(milliseconds: 1_750_000_000_999)
        #expect(claims["exp"] == 1_750_000_000)
        claims["exp"] = .number(1_750_000_000.123)
        #expect(claims.expiresAt?.milliseconds == 1_750_000_000_123)
        claims.expiresAt = nil
        #expect(claims.members.isEmpty)
    }

    @Test func `claims keep their order and come back`() throws {
        let signer = try SignerFixture()
        var claims = SignerFixture.claims
        claims.jwtID = "id"
        claims.notBefore = Self.noon
        claims["scope"] = "openid 電話"
        let token = try JWT.sign(claims, type: "at+jwt", with: signer.jwsKey)
        #expect(try signer.verify(token) == claims)
        #expect(
            String(decoding: claims.members.serialized(), as: UTF8.self).hasPrefix(#"{"iss":"#))
    }

    @Test(arguments: ["", "[]", "null", "x", #"{"a":1,"a":2}"#, #"{"sub":"a"}"# + "\u{0}"])
    func `a payload that is not one object is refused`(_ payload: String) throws {
        let signer = try SignerFixture()
        let token = try JWS.sign(Array(payload.utf8), type: "at+jwt", with: signer.jwsKey)
        #expect(throws: JOSEError.malformed) { try signer.verify(token) }
    }
}
