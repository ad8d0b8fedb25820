import COpenSSL

/// The two forms of an ECDSA P-256 signature: DER, which OpenSSL speaks, and the raw r ‖ s of a JWS
/// (RFC 7518 §3.4).
enum ECDSASignature {
    private static let fieldLength = 32
    static let rawLength = 2 * fieldLength

    static func raw(fromDER der: [UInt8]) throws(CryptographyError) -> [UInt8] {
        let decoded = unsafe der.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            return unsafe d2i_ECDSA_SIG(nil, &position, bytes.count)
        }
        guard let decoded = unsafe decoded else { throw .fromErrorQueue() }
        defer { unsafe ECDSA_SIG_free(decoded) }
        var raw = [UInt8](repeating: 0, count: rawLength)
        let length = Int32(fieldLength)
        let fits = unsafe raw.withUnsafeMutableBufferPointer { bytes -> Bool in
            guard let start = bytes.baseAddress else { return false }
            return unsafe BN_bn2binpad(ECDSA_SIG_get0_r(decoded), start, length) == length
                && BN_bn2binpad(ECDSA_SIG_get0_s(decoded), start + fieldLength, length) == length
        }
        guard fits else { throw .fromErrorQueue() }
        return raw
    }

    /// Nil when the length is wrong: a raw signature has one.
    static func der(fromRaw raw: [UInt8]) -> [UInt8]? {
        guard raw.count == rawLength else { return nil }
        let r = Array(raw.prefix(fieldLength))
        let s = Array(raw.suffix(fieldLength))
        guard let signature = unsafe ECDSA_SIG_new() else { return nil }
        defer { unsafe ECDSA_SIG_free(signature) }
        // `set0` takes both numbers over, or neither.
        let (first, second) = unsafe (
            BN_bin2bn(r, Int32(fieldLength), nil), BN_bin2bn(s, Int32(fieldLength), nil)
        )
        guard unsafe ECDSA_SIG_set0(signature, first, second) == 1 else {
            unsafe BN_free(first)
            unsafe BN_free(second)
            return nil
        }
        // Two integers of at most 33 bytes with their headers, inside a header.
        var der = [UInt8](repeating: 0, count: 2 * (fieldLength + 3) + 2)
        let length = unsafe der.withUnsafeMutableBufferPointer { bytes in
            var position = bytes.baseAddress
            return unsafe i2d_ECDSA_SIG(signature, &position)
        }
        guard length > 0 else { return nil }
        der.removeLast(der.count - Int(length))
        return der
    }
}
