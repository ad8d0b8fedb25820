import COpenSSL

/// A signing or verifying context set up once and copied for every message; sole owner of its `EVP_MD_CTX`.
///
/// Setting a context up makes OpenSSL 3 look up the signature and the digest by name, a fifth of the time of an
/// ES256 signature. A copy only takes references. After `init` the context is only read (`EVP_MD_CTX_copy_ex`
/// takes it `const`), which is what makes sharing it between threads sound. It holds its own reference to the
/// key.
@safe struct SignatureTemplate: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer
    private let maximumLength: Int

    init(
        signingWith key: borrowing KeyHandle, algorithm: SignatureAlgorithm
    ) throws(CryptographyError) {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .fromErrorQueue() }
        let digest = Self.digest(for: algorithm)
        guard unsafe EVP_DigestSignInit_ex(context, nil, digest, nil, nil, key.pointer, nil) == 1 else {
            throw unsafe Self.failure(freeing: context)
        }
        unsafe self.context = context
        self.maximumLength = Int(unsafe EVP_PKEY_get_size(key.pointer))
    }

    init(
        verifyingWith key: borrowing KeyHandle, algorithm: SignatureAlgorithm
    ) throws(CryptographyError) {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .fromErrorQueue() }
        let digest = Self.digest(for: algorithm)
        guard unsafe EVP_DigestVerifyInit_ex(context, nil, digest, nil, nil, key.pointer, nil) == 1 else {
            throw unsafe Self.failure(freeing: context)
        }
        unsafe self.context = context
        self.maximumLength = Int(unsafe EVP_PKEY_get_size(key.pointer))
    }

    @unsafe private static func failure(freeing context: OpaquePointer?) -> CryptographyError {
        unsafe EVP_MD_CTX_free(context)
        return .fromErrorQueue()
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Ed25519 hashes by itself (RFC 8032 §5.1).
    private static func digest(for algorithm: SignatureAlgorithm) -> String? {
        algorithm == .edDSA ? nil : "SHA256"
    }

    /// OpenSSL's own form of the signature: DER for ECDSA.
    borrowing func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
        guard let copy = unsafe copy() else { throw .fromErrorQueue() }
        defer { unsafe EVP_MD_CTX_free(copy) }
        var signature = [UInt8](repeating: 0, count: maximumLength)
        var length = maximumLength
        guard unsafe EVP_DigestSign(copy, &signature, &length, message, message.count) == 1 else {
            throw .fromErrorQueue()
        }
        signature.removeLast(maximumLength - length)
        return signature
    }

    borrowing func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard let copy = unsafe copy() else {
            // Out of memory: "forged" would be the wrong answer to the token of an honest client.
            preconditionFailure("signature context failed")
        }
        defer { unsafe EVP_MD_CTX_free(copy) }
        let valid = unsafe EVP_DigestVerify(copy, signature, signature.count, message, message.count) == 1
        if !valid { ERR_clear_error() }
        return valid
    }

    @unsafe private borrowing func copy() -> OpaquePointer? {
        guard let copy = unsafe EVP_MD_CTX_new() else { return nil }
        guard unsafe EVP_MD_CTX_copy_ex(copy, context) == 1 else {
            unsafe EVP_MD_CTX_free(copy)
            return nil
        }
        // The copy serves one message, so OpenSSL need not keep it reusable by copying it a second time.
        unsafe EVP_MD_CTX_set_flags(copy, EVP_MD_CTX_FLAG_FINALISE)
        return unsafe copy
    }
}
