/// The numbers a public JWK holds, big-endian (RFC 7518 §6, RFC 8037 §2).
package enum PublicKeyParameters: Hashable, Sendable {
    /// P-256: 32 bytes each.
    case ec(x: [UInt8], y: [UInt8])
    /// Without leading zeros.
    case rsa(n: [UInt8], e: [UInt8])
    /// Ed25519: 32 bytes.
    case okp(x: [UInt8])
    /// An HMAC secret has nothing public.
    case symmetric
}
