import CCrypt

/// The C library's `crypt`, for the schemes of Unix password files.
enum Libcrypt {
    /// What `password` becomes under the scheme, cost and salt of `setting`.
    ///
    /// Nil when libcrypt refuses: a password with a NUL byte, which ends a C string, one of 512 bytes or more,
    /// or want of memory. It does not tell the last from a bad setting, so it cannot be told here.
    static func hash(_ password: [UInt8], setting: String) -> [UInt8]? {
        guard !password.contains(0) else { return nil }
        let password = password.map(CChar.init(bitPattern:)) + [0]
        var output = [CChar](repeating: 0, count: Int(DENWA_CRYPT_OUTPUT_SIZE))
        guard unsafe denwa_crypt(password, setting, &output) == 1 else { return nil }
        return output.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    }

    /// The value of a digit in libcrypt's own base 64, `./0-9A-Za-z`.
    static func value(of digit: Character) -> Int? { digits.firstIndex(of: digit) }

    /// How many bytes `text` is in that base; nil for other characters, an impossible length, or left-over bits
    /// that are not zero, which libcrypt refuses in a salt and never writes in a hash.
    static func byteCount(_ text: Substring) -> Int? {
        guard isText(text) else { return nil }
        let last = text.last.flatMap(value(of:)) ?? 0
        switch text.count % 4 {
        case 1: return nil
        case 2 where last >= 4: return nil
        case 3 where last >= 16: return nil
        default: return text.count * 6 / 8
        }
    }

    /// True when `text` has nothing but digits of that base.
    static func isText(_ text: Substring) -> Bool { text.allSatisfy { value(of: $0) != nil } }

    /// Bytes of hash in every scheme but bcrypt.
    static let hashLength = 32

    private static let digits = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
}
