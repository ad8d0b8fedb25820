/// scrypt (RFC 7914) as Unix password files and libsodium write it: `$7$C6..../....<salt>$<hash>`.
///
/// One character is the binary logarithm of N, five are r and five p, in libcrypt's base 64, lowest digit first.
struct ScryptCryptHash: ImportedScheme {
    private let encoded: String
    let memory: Int

    private static let logCosts = 2...20
    private static let saltCharacters = 1...64
    /// N r p: about a second.
    private static let workLimit = 1 << 21

    init?(_ encoded: String) {
        let fields = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0].isEmpty, fields[1] == "7", Libcrypt.isText(fields[2]),
            Libcrypt.byteCount(fields[3]) == Libcrypt.hashLength,
            Self.saltCharacters.contains(fields[2].count - 11),
            let logCost = fields[2].first.flatMap(Libcrypt.value(of:)), Self.logCosts.contains(logCost),
            let blockSize = Self.number(fields[2].dropFirst().prefix(5)), blockSize >= 1,
            let parallelism = Self.number(fields[2].dropFirst(6).prefix(5)), parallelism >= 1
        else { return nil }
        // Numbers are below 2^30 and N at most 2^20, so a division, not a product, keeps within 64 bits.
        guard parallelism <= Self.workLimit >> logCost, blockSize <= (Self.workLimit >> logCost) / parallelism,
            logCost < 16 * blockSize
        else { return nil }
        self.memory = 128 * blockSize * ((1 << logCost) + parallelism + 2)
        guard memory <= ImportedPasswordHash.memoryLimit else { return nil }
        self.encoded = encoded
    }

    func verify(_ password: [UInt8]) -> Bool {
        guard let derived = Libcrypt.hash(password, setting: encoded) else { return false }
        return equalInConstantTime(derived, Array(encoded.utf8))
    }

    private static func number(_ text: Substring) -> Int? {
        var number = 0
        for digit in text.reversed() {
            guard let value = Libcrypt.value(of: digit) else { return nil }
            number = number << 6 | value
        }
        return number
    }
}
