import COpenSSL

extension KeyHandle {
    /// The one algorithm this key is for; `unsupportedKey` when there is none.
    borrowing func algorithm() throws(CryptographyError) -> SignatureAlgorithm {
        switch unsafe EVP_PKEY_get_base_id(pointer) {
        case EVP_PKEY_EC where groupName == "prime256v1": return .es256
        case EVP_PKEY_ED25519: return .edDSA
        case EVP_PKEY_RSA where RSALimits.modulusBits.contains(Int(unsafe EVP_PKEY_get_bits(pointer))):
            return .rs256
        default:
            ERR_clear_error()
            throw .unsupportedKey
        }
    }

    /// Nil also for a curve spelled out in numbers, which RFC 5480 §2.1.1 forbids: numbers made up to match a
    /// public key are how CVE-2020-0601 forged signatures.
    private var groupName: String? {
        var isSpelledOut: Int32 = 0
        let known = unsafe EVP_PKEY_get_int_param(
            pointer, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isSpelledOut)
        guard known == 1, isSpelledOut == 0 else { return nil }
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard unsafe EVP_PKEY_get_group_name(pointer, &name, name.count, &length) == 1 else { return nil }
        return String(decoding: name.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    borrowing func publicParameters(
        of algorithm: SignatureAlgorithm
    ) throws(CryptographyError) -> PublicKeyParameters {
        switch algorithm {
        case .es256:
            return .ec(
                x: try number(OSSL_PKEY_PARAM_EC_PUB_X, length: 32),
                y: try number(OSSL_PKEY_PARAM_EC_PUB_Y, length: 32))
        case .rs256:
            return .rsa(n: try number(OSSL_PKEY_PARAM_RSA_N), e: try number(OSSL_PKEY_PARAM_RSA_E))
        case .edDSA:
            var x = [UInt8](repeating: 0, count: 32)
            var length = x.count
            guard unsafe EVP_PKEY_get_raw_public_key(pointer, &x, &length) == 1, length == 32 else {
                throw .fromErrorQueue()
            }
            return .okp(x: x)
        case .hs256:
            return .symmetric
        }
    }

    /// A big-endian number of the key: padded to `length`, or without leading zeros.
    private borrowing func number(
        _ name: String, length: Int? = nil
    ) throws(CryptographyError) -> [UInt8] {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(pointer, name, &number) == 1 else { throw .fromErrorQueue() }
        defer { unsafe BN_free(number) }
        let length = length ?? (Int(unsafe BN_num_bits(number)) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: length)
        guard unsafe BN_bn2binpad(number, &bytes, Int32(length)) == Int32(length) else {
            throw .fromErrorQueue()
        }
        return bytes
    }

    /// PKCS#8, unencrypted. The buffer is of the kind that OpenSSL wipes when it frees it.
    borrowing func pem() throws(CryptographyError) -> String {
        guard let output = unsafe BIO_new(BIO_s_secmem()) else { throw .fromErrorQueue() }
        defer { unsafe BIO_free(output) }
        guard unsafe denwa_write_pkcs8(output, pointer) == 1 else { throw .fromErrorQueue() }
        var contents: UnsafeMutablePointer<CChar>?
        let length = unsafe denwa_bio_contents(output, &contents)
        let text = unsafe UnsafeRawBufferPointer(start: contents, count: length)
        return unsafe String(decoding: text, as: UTF8.self)
    }
}
