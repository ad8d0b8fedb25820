/// A stored password: scrypt with its work factors written beside it, so they can be raised later.
///
/// The text form is the PHC string format, `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, which other software reads.
package struct PasswordHash: Sendable {
    package let parameters: ScryptParameters
    private let salt: [UInt8]
    private let hash: [UInt8]

    private static let saltLength = 16
    private static let hashLength = 32

    /// Slow on purpose: see `KeyDerivation.scrypt`. The password's UTF-8 is taken as it comes.
    package static func make(
        password: String, parameters: ScryptParameters = .standard, entropy: Entropy
    ) -> PasswordHash {
        let salt = entropy.bytes(saltLength)
        let hash = KeyDerivation.scrypt(
            password: Array(password.utf8), salt: salt, parameters: parameters, length: hashLength)
        return PasswordHash(parameters: parameters, salt: salt, hash: hash)
    }

    /// As slow as `make`, whether the password is right or wrong.
    package func verify(password: String) -> Bool {
        let candidate = KeyDerivation.scrypt(
            password: Array(password.utf8), salt: salt, parameters: parameters, length: hash.count)
        return equalInConstantTime(candidate, hash)
    }

    /// True when the hash was made with other work factors than those wanted now.
    package func needsRehash(_ wanted: ScryptParameters = .standard) -> Bool { parameters != wanted }
}

extension PasswordHash {
    /// The PHC string, for the database only.
    package var encoded: String {
        let settings = "ln=\(parameters.logCost),r=\(parameters.blockSize),p=\(parameters.parallelism)"
        return "$scrypt$\(settings)$\(Self.base64(salt))$\(Self.base64(hash))"
    }

    /// Nil for another scheme, work factors out of bounds, or anything malformed.
    package init?(encoded: String) {
        let fields = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 5, fields[0].isEmpty, fields[1] == "scrypt",
            let parameters = Self.parameters(fields[2]),
            let salt = Base64Alphabet.standard.decode(Array(fields[3].utf8)), (8...64).contains(salt.count),
            let hash = Base64Alphabet.standard.decode(Array(fields[4].utf8)), (16...64).contains(hash.count)
        else { return nil }
        self.init(parameters: parameters, salt: salt, hash: hash)
    }

    private static func parameters(_ text: Substring) -> ScryptParameters? {
        let settings = text.split(separator: ",", omittingEmptySubsequences: false)
        guard settings.count == 3, settings[0].hasPrefix("ln="), settings[1].hasPrefix("r="),
            settings[2].hasPrefix("p="), let logCost = Int(settings[0].dropFirst(3)),
            let blockSize = Int(settings[1].dropFirst(2)), let parallelism = Int(settings[2].dropFirst(2))
        else { return nil }
        return ScryptParameters(logCost: logCost, blockSize: blockSize, parallelism: parallelism)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        var text = [UInt8]()
        Base64Alphabet.standard.encode(bytes, appendingTo: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

/// Prints as nothing: a hash in a log is a password to be guessed at leisure.
extension PasswordHash: CustomStringConvertible, CustomReflectable {
    package var description: String { "PasswordHash" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension PasswordHash {
    /// A hash that no password has, as slow to check as a real one.
    package static func decoy(entropy: Entropy) -> PasswordHash {
        PasswordHash(parameters: .standard, salt: entropy.bytes(saltLength), hash: entropy.bytes(hashLength))
    }
}
