/// yescrypt as Linux distributions write it to their password files: `$y$j9T$<salt>$<hash>`.
///
/// `j` is the usual flavour, the next two characters are the binary logarithm of N and r, each less one. The
/// optional parameters that may follow are not read; no distribution sets them, and they hide more cost.
struct YescryptHash: ImportedScheme {
    private let encoded: String
    let memory: Int

    private static let logCosts = 8...17
    private static let blockSizes = 1...32
    /// Bytes.
    private static let saltLengths = 1...64
    /// A digit from 48 up would begin a number of several digits.
    private static let singleDigits = 0..<48
    /// Bytes besides the N blocks of 128 r: the blocks at work and the tables of random look-ups.
    private static let overhead = 1 << 18

    init?(_ encoded: String) {
        let fields = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 5, fields[0].isEmpty, fields[1] == "y", fields[2].count == 3, fields[2].first == "j",
            let logCost = Self.number(fields[2].dropFirst()), Self.logCosts.contains(logCost),
            let blockSize = Self.number(fields[2].dropFirst(2)), Self.blockSizes.contains(blockSize),
            let saltLength = Libcrypt.byteCount(fields[3]), Self.saltLengths.contains(saltLength),
            Libcrypt.byteCount(fields[4]) == Libcrypt.hashLength
        else { return nil }
        self.memory = 128 * (blockSize << logCost) + Self.overhead
        guard memory <= ImportedPasswordHash.memoryLimit else { return nil }
        self.encoded = encoded
    }

    func verify(_ password: [UInt8]) -> Bool {
        guard let derived = Libcrypt.hash(password, setting: encoded) else { return false }
        return equalInConstantTime(derived, Array(encoded.utf8))
    }

    /// What the first character of `text` says.
    private static func number(_ text: Substring) -> Int? {
        guard let value = text.first.flatMap(Libcrypt.value(of:)), singleDigits.contains(value) else { return nil }
        return value + 1
    }
}
