package import Time

/// JSON Web Tokens: claims signed as a JWS (RFC 7519).
package enum JWT {
    /// `type` is the `typ` header, such as `at+jwt` (RFC 9068 §2.1).
    package static func sign(
        _ claims: JWTClaims, type: String, with key: JWSKey
    ) throws(JOSEError) -> String {
        try JWS.sign(claims.members.serialized(), type: type, with: key)
    }

    /// Checks signature first, claims second: nothing unsigned is judged.
    package static func verify(
        _ compact: String, type: String?, keys: (_ kid: String?) -> JWSKey?,
        expecting expectation: JWTClaims.Expectation, at now: Timestamp
    ) throws(JOSEError) -> JWTClaims {
        let token = try JWS.verify(compact, type: type, keys: keys)
        let claims = try JWTClaims(parsing: token.payload)
        try claims.check(expectation, at: now)
        return claims
    }
}

extension JWTClaims {
    /// Reads the payload of a JWS; `malformed` unless it is one JSON object.
    package init(parsing payload: [UInt8]) throws(JOSEError) {
        guard let members = (try? JSONValue(parsing: payload))?.object else { throw .malformed }
        self.init(members)
    }
}
