/// What is accepted as an RSA key.
enum RSALimits {
    /// RFC 7518 §3.3 asks for 2048 or more. The upper bound keeps a registered key from costing a verifier
    /// seconds.
    static let modulusBits = 2048...8192
    static let modulusBytes = (modulusBits.lowerBound / 8)...(modulusBits.upperBound / 8)

    /// No leading zeros (RFC 7518 §6.3.1.1: a key has one form and so one thumbprint), an odd modulus, and an
    /// odd exponent of 3 to 2^32.
    static func allows(n: [UInt8], e: [UInt8]) -> Bool {
        guard let first = n.first, first != 0, let last = n.last, last % 2 == 1 else { return false }
        guard (1...4).contains(e.count), let high = e.first, high != 0, let low = e.last else { return false }
        return low % 2 == 1 && (e.count > 1 || low >= 3)
    }
}
