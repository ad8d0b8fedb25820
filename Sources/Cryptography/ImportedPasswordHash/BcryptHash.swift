/// bcrypt, `$2b$12$` with 22 characters of salt and 31 of hash; `$2a$` and `$2y$` name the same algorithm.
///
/// `$2x$` marks hashes of a library that hashed passwords with letters beyond ASCII wrongly; it is refused.
struct BcryptHash: ImportedScheme {
    private let encoded: String
    private let hash: [UInt8]

    private static let variants = ["2a", "2b", "2y"]
    /// Binary logarithm of the rounds: 4 takes a millisecond, 14 about 0.8 s.
    private static let costs = 4...14
    private static let saltCharacters = 22
    private static let hashCharacters = 31
    /// The bytes of a password that count; every implementation ignores the rest.
    private static let passwordLength = 72

    init?(_ encoded: String) {
        let fields = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0].isEmpty, Self.variants.contains(String(fields[1])),
            fields[2].count == 2, let cost = PHCText.number(fields[2].drop { $0 == "0" }), Self.costs.contains(cost),
            fields[3].count == Self.saltCharacters + Self.hashCharacters
        else { return nil }
        let hash = fields[3].suffix(Self.hashCharacters)
        // 23 bytes leave two bits of the last character unused. They are zero, or no password would match.
        guard let last = hash.last.flatMap(Self.value(of:)), last % 4 == 0,
            fields[3].allSatisfy({ Self.value(of: $0) != nil })
        else { return nil }
        self.encoded = encoded
        self.hash = Array(hash.utf8)
    }

    /// Its state is 4 KiB; libcrypt takes 32.
    var memory: Int { 32 << 10 }

    func verify(_ password: [UInt8]) -> Bool {
        // Before the cut: implementations do not agree on what a NUL byte means, so no password has one.
        guard !password.contains(0),
            let derived = Libcrypt.hash(Array(password.prefix(Self.passwordLength)), setting: encoded)
        else { return false }
        // Only the hash: libcrypt clears unused bits of the salt, and old libraries wrote them at random.
        return equalInConstantTime(Array(derived.suffix(Self.hashCharacters)), hash)
    }

    private static func value(of digit: Character) -> Int? { digits.firstIndex(of: digit) }

    private static let digits = Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
}
