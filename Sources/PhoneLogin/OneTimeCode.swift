package import Cryptography

/// The texted digits. Never printed: it has no description that shows them.
package struct OneTimeCode: Sendable {
    package let digits: String

    package init(length: Int, entropy: Entropy) { digits = entropy.decimalCode(length: length) }
    init(digits: String) { self.digits = digits }

    func isEqualInConstantTime(to other: String) -> Bool {
        equalInConstantTime(Array(digits.utf8), Array(other.utf8))
    }
}

extension OneTimeCode: CustomStringConvertible, CustomReflectable {
    package var description: String { "OneTimeCode(hidden)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Keeps codes for the database: sealed with a key that is not in it, each bound to its challenge, so that a row
/// copied over another opens nothing.
package struct CodeSeal: Sendable {
    private let key: SealingKey
    private let entropy: Entropy

    package init(secret: [UInt8], entropy: Entropy) {
        key = SealingKey(secret: secret, purpose: "one-time code")
        self.entropy = entropy
    }

    package func seal(_ code: OneTimeCode, challenge: String) -> [UInt8] {
        key.seal(Array(code.digits.utf8), bindingTo: Array(challenge.utf8), entropy: entropy)
    }

    /// `nil` when the row was tampered with, or the sealing secret was replaced.
    package func open(_ sealed: [UInt8], challenge: String) -> OneTimeCode? {
        guard let bytes = try? key.open(sealed, bindingTo: Array(challenge.utf8)),
            let digits = String(validating: bytes, as: UTF8.self)
        else { return nil }
        return OneTimeCode(digits: digits)
    }

    package func matches(_ guess: String, sealed: [UInt8], challenge: String) -> Bool {
        open(sealed, challenge: challenge)?.isEqualInConstantTime(to: guess) ?? false
    }
}
