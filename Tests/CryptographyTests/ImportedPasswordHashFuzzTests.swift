import Cryptography
import Testing

/// SplitMix64: the same texts in every run, so a failure can be run again.
private struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite(.timeLimit(.minutes(1))) struct ImportedPasswordHashFuzzTests {
    /// What these formats are made of, and what breaks parsers.
    private static let letters = Array("$$$$,,==0123456789../+-_abimlnptrvxyzABjT \0\u{301}é")

    private func mutated(_ text: String, with dice: inout Dice) -> String {
        var characters = Array(text)
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            let place = Int.random(in: 0..<characters.count, using: &dice)
            let letter = Self.letters[Int.random(in: 0..<Self.letters.count, using: &dice)]
            switch Int.random(in: 0..<4, using: &dice) {
            case 0 where characters.count > 1: characters.remove(at: place)
            case 1: characters.insert(letter, at: place)
            case 2: characters.swapAt(place, Int.random(in: 0..<characters.count, using: &dice))
            default: characters[place] = letter
            }
        }
        return String(characters)
    }

    /// Each of the cheap hashes, changed at random: whatever is still read keeps its bounds and can be checked.
    @Test(arguments: ImportedPasswordHashTests.all.filter { !$0.contains("m=65536") && !$0.contains("j9T") })
    func `a hash changed at random is refused or safe to check`(_ known: String) {
        var dice = Dice(seed: 20)
        var read = 0
        for _ in 0..<150 {
            let encoded = mutated(known, with: &dice)
            guard let hash = ImportedPasswordHash(encoded: encoded) else { continue }
            read += 1
            #expect(hash.encoded == encoded)
            #expect(hash.memory <= 128 << 20)
            #expect(!hash.verify(password: "wrong"))
        }
        // Otherwise the changes were so coarse that nothing but the refusal was tried.
        #expect(read > 0)
    }

    @Test func `random text is refused`() {
        var dice = Dice(seed: 21)
        let beginnings = ["", "$2b$", "$argon2id$", "$pbkdf2-sha256$", "pbkdf2_sha256$", "$7$", "$y$"]
        for round in 0..<20_000 {
            let length = Int.random(in: 0...120, using: &dice)
            let text = (0..<length).map { _ in Self.letters[Int.random(in: 0..<Self.letters.count, using: &dice)] }
            #expect(ImportedPasswordHash(encoded: beginnings[round % beginnings.count] + String(text)) == nil)
        }
    }

    @Test func `a text too long for any scheme is refused`() {
        #expect(ImportedPasswordHash(encoded: "$2b$05$" + String(repeating: "a", count: 1_000_000)) == nil)
        #expect(ImportedPasswordHash(encoded: String(repeating: "$", count: 1_000_000)) == nil)
    }
}
