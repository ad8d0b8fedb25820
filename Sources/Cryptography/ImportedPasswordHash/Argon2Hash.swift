import CArgon2

/// Argon2 (RFC 9106): `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`.
///
/// `m` is KiB, `t` passes, `p` lanes. Without `v=` it is version 1.0, which had no such field. The fields
/// `keyid` and `data` are not read: nobody is known to store passwords with them.
struct Argon2Hash: ImportedScheme {
    private let variant: argon2_type
    private let version: Int
    private let kibibytes: Int
    private let passes: Int
    private let lanes: Int
    private let salt: [UInt8]
    private let hash: [UInt8]

    private static let variants = ["argon2d": Argon2_d, "argon2i": Argon2_i, "argon2id": Argon2_id]
    /// 1.0 and 1.3.
    private static let versions = [0x10, 0x13]
    private static let lanesAllowed = 1...32
    /// KiB times passes: 2 GiB to be filled, about 1.5 s.
    private static let workLimit = 1 << 21

    init?(_ encoded: String) {
        var fields = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count >= 5, fields[0].isEmpty, let variant = Self.variants[String(fields[1])] else { return nil }
        var version = 0x10
        if fields[2].hasPrefix("v=") {
            guard let written = PHCText.number(fields[2].dropFirst(2)) else { return nil }
            version = written
            fields.remove(at: 2)
        }
        guard fields.count == 5, Self.versions.contains(version),
            let settings = PHCText.numbers(fields[2], named: ["m", "t", "p"]),
            let salt = PHCText.bytes(fields[3], count: PHCText.saltLength),
            let hash = PHCText.bytes(fields[4], count: PHCText.hashLength)
        else { return nil }
        let (kibibytes, passes, lanes) = (settings[0], settings[1], settings[2])
        // RFC 9106 §3.1 asks for 8 KiB a lane. The memory is checked first, so the product cannot overflow.
        guard Self.lanesAllowed.contains(lanes), kibibytes >= 8 * lanes,
            kibibytes <= ImportedPasswordHash.memoryLimit >> 10, passes >= 1, kibibytes * passes <= Self.workLimit
        else { return nil }
        self.variant = variant
        self.version = version
        self.kibibytes = kibibytes
        self.passes = passes
        self.lanes = lanes
        self.salt = salt
        self.hash = hash
    }

    var memory: Int { kibibytes << 10 }

    func verify(_ password: [UInt8]) -> Bool {
        var derived = [UInt8](repeating: 0, count: hash.count)
        let result = unsafe denwa_argon2(
            variant, UInt32(version), UInt32(passes), UInt32(kibibytes), UInt32(lanes),
            password, UInt32(password.count), salt, UInt32(salt.count), &derived, UInt32(derived.count))
        // Everything was checked when it was read, so only a failed allocation is left, as with scrypt.
        precondition(result == ARGON2_OK.rawValue, "Argon2 failed")
        return equalInConstantTime(derived, hash)
    }
}
