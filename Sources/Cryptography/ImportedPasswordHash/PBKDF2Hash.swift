import COpenSSL

/// PBKDF2 (RFC 8018 §5.2) with HMAC over SHA-1, SHA-256 or SHA-512, in three spellings:
///
/// - the PHC string format, `$pbkdf2-sha256$i=29000,l=32$<salt>$<hash>`, also without `l=`;
/// - passlib's, `$pbkdf2-sha256$29000$<salt>$<hash>`, whose base64 has `.` for `+`;
/// - Django's, `pbkdf2_sha256$260000$<salt as text>$<hash>`, whose base64 is padded.
struct PBKDF2Hash: ImportedScheme {
    private let digest: HashFunction
    private let iterations: Int
    private let salt: [UInt8]
    private let hash: [UInt8]

    private static let iterationsAllowed = 1_000...2_000_000

    private enum HashFunction {
        case sha1, sha256, sha512

        /// Bytes.
        var size: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .sha512: 64
            }
        }

        /// Not fetched once, as `MessageDigest` is: beside a thousand iterations a look-up by name is nothing.
        @unsafe var algorithm: OpaquePointer? {
            switch self {
            case .sha1: unsafe EVP_sha1()
            case .sha256: unsafe EVP_sha256()
            case .sha512: unsafe EVP_sha512()
            }
        }
    }

    init?(_ encoded: String) {
        let fields = encoded.split(separator: "$", omittingEmptySubsequences: false)
        let read = fields.first == "" ? Self(dollar: Array(fields.dropFirst())) : Self(django: fields)
        guard let read else { return nil }
        self = read
    }

    /// `length` is what the text says of the hash's, if it says anything.
    private init?(
        digest: HashFunction, iterations: Int, salt: [UInt8], hash: [UInt8], length: Int? = nil
    ) {
        // A hash longer than the digest is computed in blocks, each of which takes all iterations.
        let blocks = (hash.count + digest.size - 1) / digest.size
        guard Self.iterationsAllowed.contains(iterations), iterations * blocks <= Self.iterationsAllowed.upperBound,
            PHCText.saltLength.contains(salt.count), PHCText.hashLength.contains(hash.count),
            length == nil || length == hash.count
        else { return nil }
        self.digest = digest
        self.iterations = iterations
        self.salt = salt
        self.hash = hash
    }

    /// Some hundred bytes of OpenSSL's, rounded up.
    var memory: Int { 4096 }

    func verify(_ password: [UInt8]) -> Bool {
        var derived = [UInt8](repeating: 0, count: hash.count)
        let password = password.map(CChar.init(bitPattern:))
        let done = unsafe PKCS5_PBKDF2_HMAC(
            password, Int32(password.count), salt, Int32(salt.count), Int32(iterations), digest.algorithm,
            Int32(derived.count), &derived)
        // Everything was checked when it was read, so only a failed allocation is left, as with scrypt.
        precondition(done == 1, "PBKDF2 failed")
        return equalInConstantTime(derived, hash)
    }
}

extension PBKDF2Hash {
    /// The PHC string format's and passlib's, both of which start with `$`. `pbkdf2` alone is SHA-1 in both.
    private init?(dollar fields: [Substring]) {
        let names: [Substring: HashFunction] = [
            "pbkdf2": .sha1, "pbkdf2-sha1": .sha1, "pbkdf2-sha256": .sha256, "pbkdf2-sha512": .sha512,
        ]
        guard fields.count == 4, let digest = names[fields[0]] else { return nil }
        if let iterations = PHCText.number(fields[1]) {
            guard let salt = Self.adaptedBase64(fields[2]), let hash = Self.adaptedBase64(fields[3]) else { return nil }
            self.init(digest: digest, iterations: iterations, salt: salt, hash: hash)
            return
        }
        let settings = PHCText.numbers(fields[1], named: ["i", "l"]) ?? PHCText.numbers(fields[1], named: ["i"])
        guard let settings, let salt = PHCText.bytes(fields[2], count: PHCText.saltLength),
            let hash = PHCText.bytes(fields[3], count: PHCText.hashLength)
        else { return nil }
        self.init(
            digest: digest, iterations: settings[0], salt: salt, hash: hash,
            length: settings.count == 2 ? settings[1] : nil)
    }

    /// The salt is text, hashed as it stands.
    private init?(django fields: [Substring]) {
        let names: [Substring: HashFunction] = [
            "pbkdf2_sha1": .sha1, "pbkdf2_sha256": .sha256, "pbkdf2_sha512": .sha512,
        ]
        guard fields.count == 4, let digest = names[fields[0]], let iterations = PHCText.number(fields[1]),
            let hash = Base64.decode(fields[3])
        else { return nil }
        self.init(digest: digest, iterations: iterations, salt: Array(fields[2].utf8), hash: hash)
    }

    /// Base64 as passlib adapted it for password files.
    private static func adaptedBase64(_ text: Substring) -> [UInt8]? {
        let (dot, plus) = (UInt8(ascii: "."), UInt8(ascii: "+"))
        guard !text.utf8.contains(plus) else { return nil }
        return Base64Alphabet.standard.decode(text.utf8.map { $0 == dot ? plus : $0 })
    }
}
