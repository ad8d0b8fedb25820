/// A password hash that another system made, brought along with its user; it is checked here and never made.
///
/// Read are bcrypt, Argon2, PBKDF2 as passlib, Django and the PHC string format write it, and two schemes of
/// Unix password files, scrypt `$7$` and yescrypt. scrypt in the PHC string format is a `PasswordHash`.
///
/// One check takes at most `memoryLimit` bytes and about two seconds of one core: an imported row decides how
/// much work a sign-in is, so a row that asks for more is not taken.
package struct ImportedPasswordHash: Sendable {
    /// Bytes; what one check may take at most.
    package static let memoryLimit = 128 << 20

    /// The text it was read from, for the database only.
    package let encoded: String
    private let scheme: any ImportedScheme

    /// No scheme's longest text is as long.
    private static let longestText = 384

    private static let schemes: [any ImportedScheme.Type] = [
        BcryptHash.self, Argon2Hash.self, PBKDF2Hash.self, ScryptCryptHash.self, YescryptHash.self,
    ]

    /// Nil for another scheme, cost factors out of bounds, or anything malformed.
    package init?(encoded: String) {
        // Every scheme writes visible ASCII, in which a `Character` is a byte.
        guard encoded.utf8.count <= Self.longestText, encoded.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        for scheme in Self.schemes {
            guard let read = scheme.init(encoded) else { continue }
            self.encoded = encoded
            self.scheme = read
            return
        }
        return nil
    }

    /// As slow as its cost factors say, whether the password is right or wrong: not for the event loop. The
    /// password's UTF-8 is taken as it comes.
    package func verify(password: String) -> Bool { scheme.verify(Array(password.utf8)) }

    /// Bytes one check takes.
    package var memory: Int { scheme.memory }
}

/// Prints as nothing: a hash in a log is a password to be guessed at leisure.
extension ImportedPasswordHash: CustomStringConvertible, CustomReflectable {
    package var description: String { "ImportedPasswordHash" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// One foreign scheme. Who made it through `init` can be verified within the bounds of `ImportedPasswordHash`.
protocol ImportedScheme: Sendable {
    /// Nil for another scheme, cost factors out of bounds, or anything malformed. The text is visible ASCII.
    init?(_ encoded: String)

    /// Bytes one check takes.
    var memory: Int { get }

    func verify(_ password: [UInt8]) -> Bool
}
