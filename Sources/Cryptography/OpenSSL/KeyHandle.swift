import COpenSSL

/// Sole owner of one `EVP_PKEY`. Cannot be copied, so it is freed exactly once.
///
/// OpenSSL lets threads share a key that nobody modifies; nothing here modifies one after `init`.
@safe struct KeyHandle: ~Copyable, @unchecked Sendable {
    let pointer: OpaquePointer

    private init(adopting pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe EVP_PKEY_free(pointer) }

    init(
        generating algorithm: SignatureAlgorithm, modulusBits: Int
    ) throws(CryptographyError) {
        let made: OpaquePointer?
        switch algorithm {
        case .es256: unsafe made = denwa_generate_p256()
        case .edDSA: unsafe made = denwa_generate_ed25519()
        case .rs256:
            guard RSALimits.modulusBits.contains(modulusBits) else { throw .unsupportedKey }
            unsafe made = denwa_generate_rsa(modulusBits)
        case .hs256: throw .unsupportedKey
        }
        guard let made = unsafe made else { throw .fromErrorQueue() }
        unsafe self.init(adopting: made)
    }

    init(parameters: PublicKeyParameters) throws(CryptographyError) {
        let made: OpaquePointer?
        switch parameters {
        case .ec(let x, let y):
            guard x.count == 32, y.count == 32 else { throw .invalidPublicKey }
            let point = [4] + x + y
            unsafe made = denwa_p256_public_key(point, point.count)
        case .rsa(let n, let e):
            // Before any arithmetic: a stranger may have sent these.
            guard RSALimits.modulusBytes.contains(n.count) else { throw .unsupportedKey }
            guard RSALimits.allows(n: n, e: e) else { throw .invalidPublicKey }
            unsafe made = denwa_rsa_public_key(n, n.count, e, e.count)
        case .okp(let x):
            guard x.count == 32 else { throw .invalidPublicKey }
            unsafe made = EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, x, x.count)
        case .symmetric:
            throw .unsupportedKey
        }
        guard let made = unsafe made else {
            ERR_clear_error()
            throw .invalidPublicKey
        }
        unsafe self.init(adopting: made)
    }

    init(pem: String) throws(CryptographyError) {
        let text = Array(pem.utf8)
        let read = unsafe text.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            // Borrows the bytes, so it must not outlive them.
            let source = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            defer { unsafe BIO_free(source) }
            return unsafe denwa_read_pkcs8(source)
        }
        guard let read = unsafe read else {
            // What OpenSSL says here describes the file, and the file is a secret.
            ERR_clear_error()
            throw .unreadableKey
        }
        unsafe self.init(adopting: read)
    }
}
