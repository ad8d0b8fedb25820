/// What a new password must be (NIST SP 800-63B §5.1.1.2): long enough and not one of the first that anybody
/// tries. No rules about kinds of characters, which only make passwords alike.
package struct PasswordRules: Sendable, Equatable {
    /// In characters.
    package var minimumLength: Int
    /// In characters; `nil`: only the limit in bytes.
    package var maximumLength: Int?
    package var allowsWhiteSpace: Bool

    package init(minimumLength: Int = 8, maximumLength: Int? = nil, allowsWhiteSpace: Bool = true) {
        self.minimumLength = minimumLength
        self.maximumLength = maximumLength
        self.allowsWhiteSpace = allowsWhiteSpace
    }

    /// Longer ones only cost time.
    package static let byteLimit = 256

    package enum Failure: Error, Sendable, Equatable {
        case tooShort, tooLong, whiteSpace, common
    }

    /// - Parameter names: the account's own, which anybody would try first.
    package func check(_ password: String, names: [String]) throws(Failure) {
        guard password.unicodeScalars.count >= max(1, minimumLength) else { throw .tooShort }
        guard password.utf8.count <= Self.byteLimit, password.unicodeScalars.count <= maximumLength ?? .max else {
            throw .tooLong
        }
        guard allowsWhiteSpace || !password.unicodeScalars.contains(where: \.properties.isWhitespace) else {
            throw .whiteSpace
        }
        let lower = password.lowercased()
        guard !CommonPasswords.contains(lower), !names.contains(where: { $0.lowercased() == lower }) else {
            throw .common
        }
    }
}
