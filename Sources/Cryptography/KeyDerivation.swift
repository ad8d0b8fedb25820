import COpenSSL

/// Keys from other keys, and keys from passwords.
package enum KeyDerivation {
    /// HKDF with SHA-256 (RFC 5869). `info` names what the key is for: keys for two purposes are independent.
    ///
    /// No salt by default: our secrets are uniformly random already (RFC 5869 §3.1).
    package static func hkdfSHA256(secret: [UInt8], salt: [UInt8] = [], info: String, length: Int) -> [UInt8] {
        hkdfSHA256(secret: secret, salt: salt, info: Array(info.utf8), length: length)
    }

    package static func hkdfSHA256(secret: [UInt8], salt: [UInt8], info: [UInt8], length: Int) -> [UInt8] {
        precondition((1...255 * 32).contains(length), "RFC 5869 §2.3 allows at most 255 blocks")
        var derived = [UInt8](repeating: 0, count: length)
        var derivedLength = length
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "HKDF", nil) else {
            preconditionFailure("OpenSSL has no HKDF")
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_derive_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_hkdf_md(context, MessageDigest.sha256.algorithm) == 1,
            unsafe EVP_PKEY_CTX_set1_hkdf_key(context, secret, Int32(secret.count)) == 1,
            unsafe salt.isEmpty || EVP_PKEY_CTX_set1_hkdf_salt(context, salt, Int32(salt.count)) == 1,
            unsafe info.isEmpty || EVP_PKEY_CTX_add1_hkdf_info(context, info, Int32(info.count)) == 1,
            unsafe EVP_PKEY_derive(context, &derived, &derivedLength) == 1
        else {
            // The input is bounded above; what remains is a failed allocation.
            preconditionFailure("HKDF failed")
        }
        return derived
    }

    /// scrypt (RFC 7914). Takes tens of milliseconds and `parameters.memory` bytes: not for the event loop.
    package static func scrypt(
        password: [UInt8], salt: [UInt8], parameters: ScryptParameters, length: Int
    ) -> [UInt8] {
        var derived = [UInt8](repeating: 0, count: length)
        let password = password.map(CChar.init(bitPattern:))
        // OpenSSL's own limit is 32 MiB, just under what N = 2^15, r = 8 takes.
        let done = unsafe EVP_PBE_scrypt(
            password, password.count, salt, salt.count, parameters.cost, UInt64(parameters.blockSize),
            UInt64(parameters.parallelism), UInt64(parameters.memory), &derived, length)
        // The parameters were checked when they were made, so only a failed allocation is left. Answering
        // "wrong password" to it would be a lie.
        precondition(done == 1, "scrypt failed")
        return derived
    }
}
