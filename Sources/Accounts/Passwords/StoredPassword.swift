package import Cryptography

/// What an account keeps of its password: this server's own hash, or one that came with an import.
package enum StoredPassword: Sendable {
    case own(PasswordHash)
    /// Checked once, at the first sign-in; then the server's own takes its place.
    case imported(ImportedPasswordHash)

    /// `nil` for a scheme or a cost that this server does not compute.
    package init?(encoded: String) {
        if let own = PasswordHash(encoded: encoded) {
            self = .own(own)
        } else if let imported = ImportedPasswordHash(encoded: encoded) {
            self = .imported(imported)
        } else {
            return nil
        }
    }

    /// For the database only.
    package var encoded: String {
        switch self {
        case .own(let hash): hash.encoded
        case .imported(let hash): hash.encoded
        }
    }

    /// Bytes that one check takes.
    var memory: Int {
        switch self {
        case .own(let hash): hash.parameters.memory
        case .imported(let hash): hash.memory
        }
    }

    /// Slow on purpose.
    func verify(_ password: String) -> Bool {
        switch self {
        case .own(let hash): hash.verify(password: password)
        case .imported(let hash): hash.verify(password: password)
        }
    }

    var needsRehash: Bool {
        switch self {
        case .own(let hash): hash.needsRehash()
        case .imported: true
        }
    }
}
