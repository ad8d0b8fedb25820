import COpenSSL

/// Compares without revealing where the first difference is. The lengths may leak: they are never secret here.
package func equalInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return unsafe CRYPTO_memcmp(a, b, a.count) == 0
}
