import COpenSSL

/// An HMAC context prepared once and copied for every message; sole owner of its `EVP_MAC_CTX`.
///
/// After `init` the context is only ever read (`EVP_MAC_CTX_dup` takes it `const`), which is what makes sharing
/// it between threads sound.
@safe struct MACTemplate: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer
    private let size: Int

    static let md5 = MACTemplate(digest: "MD5", size: 16)
    static let sha1 = MACTemplate(digest: "SHA1", size: 20)
    static let sha256 = MACTemplate(digest: "SHA256", size: 32)
    static let sha384 = MACTemplate(digest: "SHA384", size: 48)
    static let sha512 = MACTemplate(digest: "SHA512", size: 64)

    private init(digest: String, size: Int) {
        guard let hmac = unsafe EVP_MAC_fetch(nil, "HMAC", nil),
            let context = unsafe denwa_hmac_context(hmac, digest)
        else { preconditionFailure("OpenSSL has no HMAC-\(digest)") }
        // The context holds its own reference.
        unsafe EVP_MAC_free(hmac)
        unsafe self.context = context
        self.size = size
    }

    /// A template that already holds `secret`, so a message costs no key setup.
    init(hmacSHA256 secret: [UInt8]) {
        unsafe self.context = Self.keyedCopy(of: Self.sha256.context, key: secret)
        self.size = Self.sha256.size
    }

    deinit { unsafe EVP_MAC_CTX_free(context) }

    /// Authenticates under the template's own secret.
    func authenticate(_ message: [UInt8]) -> [UInt8] {
        // Every failure in this file is a failed allocation: the algorithm and the key are already in place.
        guard let copy = unsafe EVP_MAC_CTX_dup(context) else { preconditionFailure("HMAC failed") }
        defer { unsafe EVP_MAC_CTX_free(copy) }
        return unsafe finish(copy, message)
    }

    /// Authenticates under `key`.
    func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        let copy = unsafe Self.keyedCopy(of: context, key: key)
        defer { unsafe EVP_MAC_CTX_free(copy) }
        return unsafe finish(copy, message)
    }

    @unsafe private func finish(_ copy: OpaquePointer, _ message: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: size)
        var length = 0
        guard unsafe EVP_MAC_update(copy, message, message.count) == 1,
            unsafe EVP_MAC_final(copy, &code, &length, size) == 1
        else { preconditionFailure("HMAC failed") }
        return code
    }

    @unsafe private static func keyedCopy(of context: OpaquePointer, key: [UInt8]) -> OpaquePointer {
        // RFC 2104 §2 pads the key with zeros, so one zero byte is the empty key; OpenSSL would take an empty
        // one for "no key given".
        let key = key.isEmpty ? [0] : key
        guard let copy = unsafe EVP_MAC_CTX_dup(context),
            unsafe EVP_MAC_init(copy, key, key.count, nil) == 1
        else { preconditionFailure("HMAC failed") }
        return unsafe copy
    }
}
