import Cryptography
import PhoneLogin
import TestSupport
import Testing

@Suite struct OneTimeCodeTests {
    private let code = OneTimeCode(length: 6, entropy: .alwaysDrawing("246802"))
    private let seal = CodeSeal(secret: TestSecret.bytes, entropy: .seeded(1))

    @Test func `a code does not show itself, whatever prints it`() {
        struct Holder { let code: OneTimeCode }
        var dumped = ""
        dump(Holder(code: code), to: &dumped)
        let printed = [
            "\(code)", String(describing: code), String(reflecting: code), "\(Holder(code: code))", "\([code])",
            "\(Optional(code) as Any)", dumped,
        ]
        for text in printed { #expect(!text.contains("246802")) }
        #expect(code.digits == "246802")
    }

    @Test func `a code is as long as was asked, with its leading zeros`() {
        #expect(OneTimeCode(length: 6, entropy: .alwaysDrawing("000042")).digits == "000042")
        #expect(OneTimeCode(length: 8, entropy: .seeded(1)).digits.utf8.count == 8)
    }

    @Test func `a sealed code opens for its challenge and matches itself`() {
        let sealed = seal.seal(code, challenge: "challenge")
        #expect(seal.open(sealed, challenge: "challenge")?.digits == "246802")
        #expect(seal.matches("246802", sealed: sealed, challenge: "challenge"))
    }

    struct Row: Sendable {
        let name: String
        var guess = "246802"
        var challenge = "challenge"
        var secret = TestSecret.bytes
        var tamper: @Sendable (inout [UInt8]) -> Void = { _ in }
    }

    static let rows: [Row] = [
        Row(name: "another code", guess: "246803"), Row(name: "shorter", guess: "24680"),
        Row(name: "longer", guess: "2468020"),
        Row(name: "empty", guess: ""), Row(name: "full-width digits", guess: "２４６８０２"),
        Row(name: "another challenge", challenge: "challenge2"), Row(name: "no challenge", challenge: ""),
        Row(name: "another secret", secret: [UInt8](repeating: 1, count: 32)),
        Row(name: "another nonce", tamper: { $0[0] ^= 1 }), Row(name: "another digit", tamper: { $0[12] ^= 1 }),
        Row(name: "another tag", tamper: { $0[$0.count - 1] ^= 1 }), Row(name: "cut off", tamper: { $0.removeLast() }),
        Row(name: "nothing", tamper: { $0 = [] }), Row(name: "lengthened", tamper: { $0.append(0) }),
    ]

    @Test(arguments: rows)
    func `one deviation and nothing matches`(_ row: Row) {
        var sealed = seal.seal(code, challenge: "challenge")
        row.tamper(&sealed)
        let other = CodeSeal(secret: row.secret, entropy: .seeded(2))
        #expect(!other.matches(row.guess, sealed: sealed, challenge: row.challenge))
    }

    @Test func `the same code is sealed differently every time, and shows nothing of itself`() {
        let sealed = (0..<100).map { _ in seal.seal(code, challenge: "challenge") }
        #expect(Set(sealed).count == 100)
        #expect(sealed.allSatisfy { $0.count == 12 + 6 + 16 })
    }
}
