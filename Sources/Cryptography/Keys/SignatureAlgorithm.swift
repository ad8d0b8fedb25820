/// The JWS algorithms this server speaks (RFC 7518 §3.1, RFC 8037 §3.1), named as in an `alg` header.
package enum SignatureAlgorithm: String, CaseIterable, Sendable {
    case es256 = "ES256"
    case rs256 = "RS256"
    case edDSA = "EdDSA"
    case hs256 = "HS256"

    /// One secret signs and verifies, so there is no public half to publish.
    package var isSymmetric: Bool { self == .hs256 }
}
