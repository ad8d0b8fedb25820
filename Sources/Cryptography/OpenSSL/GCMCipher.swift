import COpenSSL

/// One AES-256-GCM run; sole owner of its `EVP_CIPHER_CTX`.
///
/// Key and nonce have fixed lengths here, so of OpenSSL's failures only failed allocations are left, and Swift
/// stops on those as well.
@safe struct GCMCipher: ~Copyable {
    enum Direction: Int32 {
        case decrypt = 0
        case encrypt = 1
    }

    private let context: OpaquePointer

    init(_ direction: Direction, key: [UInt8], nonce: [UInt8], associated: [UInt8]) {
        precondition(key.count == 32 && nonce.count == 12)
        guard let context = unsafe EVP_CIPHER_CTX_new(),
            unsafe EVP_CipherInit_ex2(
                context, Algorithm.aes256GCM.pointer, key, nonce, direction.rawValue, nil) == 1
        else { preconditionFailure("AES-GCM failed") }
        unsafe self.context = context
        var written: Int32 = 0
        // A nil output marks associated data.
        let bound = unsafe EVP_CipherUpdate(context, nil, &written, associated, Int32(associated.count))
        precondition(associated.isEmpty || bound == 1, "AES-GCM failed")
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    borrowing func update(_ input: [UInt8]) -> [UInt8] {
        guard !input.isEmpty else { return [] }
        var output = [UInt8](repeating: 0, count: input.count)
        var written: Int32 = 0
        let done = unsafe EVP_CipherUpdate(context, &output, &written, input, Int32(input.count))
        precondition(done == 1 && Int(written) == input.count, "AES-GCM failed")
        return output
    }

    /// The tag over everything so far.
    borrowing func finishEncrypting(tagLength: Int) -> [UInt8] {
        var none: UInt8 = 0
        var written: Int32 = 0
        var tag = [UInt8](repeating: 0, count: tagLength)
        guard unsafe EVP_CipherFinal_ex(context, &none, &written) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), &tag) == 1
        else { preconditionFailure("AES-GCM failed") }
        return tag
    }

    /// False when anything was changed; what `update` gave out must then be thrown away.
    borrowing func finishDecrypting(tag: [UInt8]) -> Bool {
        var none: UInt8 = 0
        var written: Int32 = 0
        var tag = tag
        guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1,
            unsafe EVP_CipherFinal_ex(context, &none, &written) == 1
        else {
            ERR_clear_error()
            return false
        }
        return true
    }

    /// Fetched once, for the reason given at `MessageDigest`.
    @safe private struct Algorithm: @unchecked Sendable {
        let pointer: OpaquePointer

        static let aes256GCM: Algorithm = {
            guard let pointer = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
                preconditionFailure("OpenSSL has no AES-256-GCM")
            }
            return unsafe Algorithm(pointer: pointer)
        }()
    }
}
