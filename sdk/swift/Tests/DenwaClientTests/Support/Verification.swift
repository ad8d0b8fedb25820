import Foundation

#if canImport(CryptoKit)
    import CryptoKit

    /// ES256, by CryptoKit.
    func isSignature(_ signature: Data, of message: Data, by point: Data) -> Bool {
        guard let key = try? P256.Signing.PublicKey(rawRepresentation: point),
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }
#else
    import CCrypto

    /// ES256, by libcrypto.
    func isSignature(_ signature: Data, of message: Data, by point: Data) -> Bool {
        // SubjectPublicKeyInfo of P-256, all but the point (RFC 5480).
        let prefix = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
        let spki = stride(from: 0, to: prefix.count, by: 2).compactMap { offset in
            UInt8(prefix.dropFirst(offset).prefix(2), radix: 16)
        }
        let (key, pair, message) = (spki + point, derPair(signature), [UInt8](message))
        return unsafe key.withUnsafeBufferPointer { key in
            var cursor = unsafe key.baseAddress
            let parsed = unsafe d2i_PUBKEY(nil, &cursor, key.count)
            let context = EVP_MD_CTX_new()
            defer {
                unsafe EVP_PKEY_free(parsed)
                unsafe EVP_MD_CTX_free(context)
            }
            return unsafe parsed != nil && EVP_DigestVerifyInit_ex(context, nil, "SHA256", nil, nil, parsed, nil) == 1
                && EVP_DigestVerify(context, pair, pair.count, message, message.count) == 1
        }
    }

    /// r ‖ s as ASN.1's SEQUENCE of two INTEGERs, which libcrypto reads (RFC 3279 §2.2.3).
    private func derPair(_ signature: Data) -> [UInt8] {
        func integer(_ bytes: Data) -> [UInt8] {
            var bytes = [UInt8](bytes.drop { $0 == 0 })
            if bytes.first.map({ $0 >= 0x80 }) ?? true { bytes.insert(0, at: 0) }
            return [0x02, UInt8(bytes.count)] + bytes
        }
        let body = integer(signature.prefix(32)) + integer(signature.suffix(32))
        return [0x30, UInt8(body.count)] + body
    }
#endif
