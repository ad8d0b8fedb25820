package import Cryptography

/// Why a token or a key was refused. Closed, and without anything of the token in it.
package enum JOSEError: Error, Hashable, Sendable {
    // MARK: JWS
    /// Larger than `JWS.sizeLimit`; nothing of it was read.
    case oversized
    /// Not three base64url parts with a JSON object in front.
    case malformed
    /// The header names an extension that must be understood and is not (RFC 7515 §4.1.11).
    case unsupportedCriticalHeader
    /// `b64` other than true (RFC 7797).
    case unencodedPayload
    /// `typ` is missing or another (RFC 8725 §3.11).
    case wrongType
    /// No key of that name.
    case unknownKey
    /// `alg` is not the algorithm of the key (RFC 8725 §3.1).
    case wrongAlgorithm
    case badSignature
    /// The key can only verify.
    case notASigningKey

    // MARK: Claims (RFC 7519 §4.1)
    /// A registered claim has the wrong JSON type, or a time beyond measure.
    case malformedClaim
    case missingExpiry
    case expired
    case notYetValid
    case issuedInTheFuture
    case wrongIssuer
    case wrongAudience

    // MARK: Keys (RFC 7517)
    case malformedKey
    /// A type, curve, algorithm or use that this server does not speak.
    case unsupportedKey
    /// A private key where a public one belongs: whoever sent it has published it.
    case privateKeyMaterial

    case cryptography(CryptographyError)
}
