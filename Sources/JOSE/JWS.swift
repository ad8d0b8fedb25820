import Cryptography

/// JSON Web Signatures in the compact form (RFC 7515).
package enum JWS {
    /// Bytes of a compact JWS that are still looked at; far above any token, far below trouble.
    package static let sizeLimit = 16 * 1024

    /// Signs `payload`. `type` becomes the `typ` header, which keeps tokens made for different purposes apart
    /// (RFC 8725 §3.11).
    package static func sign(
        _ payload: [UInt8], type: String, with key: JWSKey
    ) throws(JOSEError) -> String {
        let header: JSONObject = [
            "alg": .string(key.algorithm.rawValue), "typ": .string(type), "kid": .string(key.kid),
        ]
        return try sign(payload, header: header, with: key)
    }

    private static func sign(
        _ payload: [UInt8], header: JSONObject, with key: JWSKey
    ) throws(JOSEError) -> String {
        guard let signing = key.signing else { throw .notASigningKey }
        var token = [UInt8]()
        token.reserveCapacity(512 + payload.count * 4 / 3)
        Base64URL.append(header.serialized(), to: &token)
        token.append(UInt8(ascii: "."))
        Base64URL.append(payload, to: &token)
        let signature: [UInt8]
        do { signature = try signing.sign(token) } catch { throw .cryptography(error) }
        token.append(UInt8(ascii: "."))
        Base64URL.append(signature, to: &token)
        return String(decoding: token, as: UTF8.self)
    }

    /// Checks a compact JWS and hands out what it carries.
    ///
    /// `type`: the `typ` it must have; nil accepts any, and none, for formats that never set one.
    /// `keys`: the key of a `kid`, or of a token that names none. The header's `jku`, `jwk`, `x5u` and `x5c` are
    /// never looked at: a token does not choose the key it is checked with.
    package static func verify(
        _ compact: String, type: String?, keys: (_ kid: String?) -> JWSKey?
    ) throws(JOSEError) -> VerifiedJWS {
        let token = try UnverifiedJWS(compact)
        guard let key = keys(token.kid) else { throw .unknownKey }
        return try token.verify(type: type, with: key)
    }
}

/// What a good signature vouches for. Only a verification can make it.
package struct VerifiedJWS: Sendable {
    package let header: JSONValue
    package let payload: [UInt8]
    package let kid: String?

    fileprivate init(_ token: UnverifiedJWS) {
        header = .object(token.header)
        payload = token.payload
        kid = token.kid
    }
}

extension UnverifiedJWS {
    /// Checks this token with a key that was chosen without trusting it.
    package func verify(type: String?, with key: JWSKey) throws(JOSEError) -> VerifiedJWS {
        if let type, !hasType(type) { throw .wrongType }
        guard algorithm == key.algorithm.rawValue else { throw .wrongAlgorithm }
        guard key.verification.verify(signature, of: signingInput) else { throw .badSignature }
        return VerifiedJWS(self)
    }
}
