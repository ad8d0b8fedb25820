package import Cryptography

/// What a device shows and a person types at `/device` (RFC 8628 §6.1).
///
/// Eight of twenty consonants: without vowels they spell nothing, and none is taken for a digit. They are 34 bits,
/// which guesses that are limited and a life of minutes make enough (§5.1).
package struct UserCode: Hashable, Sendable {
    private static let alphabet = Array("BCDFGHJKLMNPQRSTVWXZ".utf8)
    private static let length = 8
    /// More than anybody types around eight letters.
    private static let longestTyping = 64

    private let letters: [UInt8]

    /// Bytes from 240 up are drawn again: 256 is no multiple of twenty, so `% 20` alone would prefer B to T.
    package init(entropy: Entropy) {
        var letters: [UInt8] = []
        while letters.count < Self.length {
            for byte in entropy.bytes(Self.length - letters.count) where byte < 240 {
                letters.append(Self.alphabet[Int(byte) % Self.alphabet.count])
            }
        }
        self.letters = letters
    }

    /// As people type it: in any case, in full width, with hyphens and spaces wherever they see fit.
    package init?(_ typed: String) {
        guard typed.utf8.count <= Self.longestTyping else { return nil }
        var letters: [UInt8] = []
        for scalar in typed.unicodeScalars where !Self.isSeparator(scalar) {
            guard let letter = Self.letter(scalar) else { return nil }
            letters.append(letter)
        }
        guard letters.count == Self.length else { return nil }
        self.letters = letters
    }

    /// `BCDF-GHJK`: two short words are read more easily than one long.
    package var text: String {
        let half = Self.length / 2
        return String(decoding: letters[..<half] + [UInt8(ascii: "-")] + letters[half...], as: UTF8.self)
    }

    /// Also what a Japanese keyboard writes for a hyphen, and marks of direction that come along with a copied text.
    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .dashPunctuation, .spaceSeparator, .format: true
        default: scalar == "\u{30FC}" || scalar == "\u{2212}"
        }
    }

    private static func letter(_ scalar: Unicode.Scalar) -> UInt8? {
        let isFullWidth = (0xFF21...0xFF5A).contains(scalar.value)
        guard let letter = UInt8(exactly: isFullWidth ? scalar.value - 0xFEE0 : scalar.value) else { return nil }
        let isSmall = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter)
        let capital = isSmall ? letter - 0x20 : letter
        return alphabet.contains(capital) ? capital : nil
    }
}

/// What the database keeps of a user code.
package struct UserCodeDigest: Hashable, Sendable {
    package let bytes: [UInt8]
}

/// Digests user codes with a key that is not in the database: there are so few of them that a plain hash would hide
/// none from whoever steals it.
package struct UserCodeKey: Sendable {
    private let key: [UInt8]

    package init(secret: [UInt8]) {
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa user code", length: 32)
    }

    package func digest(of code: UserCode) -> UserCodeDigest {
        UserCodeDigest(bytes: HMAC.sha256(Array(code.text.utf8), key: key))
    }
}
