/// The two alphabets of RFC 4648 and the strict coding they share.
struct Base64Alphabet: Sendable {
    private let characters: [UInt8]
    /// The value of every byte; `invalid` for those outside the alphabet.
    private let values: [UInt8]
    private static let invalid: UInt8 = 0xFF

    /// RFC 4648 §4.
    static let standard = Base64Alphabet(ending: "+/")
    /// RFC 4648 §5.
    static let urlSafe = Base64Alphabet(ending: "-_")

    private init(ending: StaticString) {
        var characters = Array(UInt8(ascii: "A")...UInt8(ascii: "Z"))
        characters += UInt8(ascii: "a")...UInt8(ascii: "z")
        characters += UInt8(ascii: "0")...UInt8(ascii: "9")
        characters += Array("\(ending)".utf8)
        var values = [UInt8](repeating: Self.invalid, count: 256)
        for (value, character) in characters.enumerated() { values[Int(character)] = UInt8(value) }
        self.characters = characters
        self.values = values
    }

    /// Appends the unpadded form.
    func encode(_ bytes: [UInt8], appendingTo text: inout [UInt8]) {
        text.reserveCapacity(text.count + (bytes.count * 8 + 5) / 6)
        var index = 0
        while index + 3 <= bytes.count {
            let group = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
            text.append(characters[group >> 18])
            text.append(characters[group >> 12 & 63])
            text.append(characters[group >> 6 & 63])
            text.append(characters[group & 63])
            index += 3
        }
        switch bytes.count - index {
        case 1:
            let group = Int(bytes[index])
            text.append(characters[group >> 2])
            text.append(characters[group << 4 & 63])
        case 2:
            let group = Int(bytes[index]) << 8 | Int(bytes[index + 1])
            text.append(characters[group >> 10])
            text.append(characters[group >> 4 & 63])
            text.append(characters[group << 2 & 63])
        default: break
        }
    }

    /// Reads the unpadded form. Nil for a character outside the alphabet, an impossible length, or left-over
    /// bits that are not zero: two texts for one value would let a token be changed and still be recognised
    /// (RFC 4648 §3.5).
    func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes = [UInt8]()
        bytes.reserveCapacity(text.count * 6 / 8)
        var pending: UInt32 = 0
        var pendingBits = 0
        for character in text {
            let value = values[Int(character)]
            guard value != Self.invalid else { return nil }
            pending = pending << 6 | UInt32(value)
            pendingBits += 6
            guard pendingBits >= 8 else { continue }
            pendingBits -= 8
            bytes.append(UInt8(truncatingIfNeeded: pending >> UInt32(pendingBits)))
            pending &= (1 << UInt32(pendingBits)) - 1
        }
        return pending == 0 ? bytes : nil
    }
}
