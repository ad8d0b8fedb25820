import COpenSSL

/// Why a cryptographic act was refused. Never holds key material, plaintext or anything else a caller passed in.
package enum CryptographyError: Error, Hashable, Sendable {
    /// Not one unencrypted PKCS#8 `PRIVATE KEY` in PEM (RFC 7468 §10).
    case unreadableKey
    /// Readable, but not a key of a supported algorithm: another curve, RSA-PSS, RSA under 2048 bits.
    case unsupportedKey
    /// The private and the public half of a loaded key do not belong together.
    case inconsistentKey
    /// Public parameters that no key has: wrong lengths, a point off the curve, an even exponent.
    case invalidPublicKey
    /// An HS256 secret shorter than its hash (RFC 7518 §3.2).
    case secretTooShort
    /// A symmetric secret has no PKCS#8 form.
    case notExportable
    /// A sealed box that this key did not seal, or not for this purpose or binding.
    case notAuthentic
    /// OpenSSL failed where valid input cannot make it fail.
    case library(OpenSSLReason)
}

/// OpenSSL's packed error number. Its text is one of the library's own constants, so it can be logged.
///
/// The optional data string that OpenSSL attaches to some errors may quote input and is never taken.
package struct OpenSSLReason: Hashable, Sendable, CustomStringConvertible {
    package let code: UInt

    package var description: String {
        var text = [CChar](repeating: 0, count: 256)
        unsafe ERR_error_string_n(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension CryptographyError {
    /// Takes the newest entry and empties this thread's queue: what is left there would be blamed on whoever
    /// fails next on the same thread.
    static func fromErrorQueue() -> CryptographyError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        return .library(OpenSSLReason(code: UInt(code)))
    }
}
