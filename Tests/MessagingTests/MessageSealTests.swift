import Cryptography
import Messaging
import TestSupport
import Testing

@Suite struct MessageSealTests {
    private let seal = MessageSeal(secret: TestSecret.bytes, entropy: .seeded(1))

    @Test(arguments: ["246802 is your code", "", "電話 \u{202E}", String(repeating: "x", count: 10_000)])
    func `a body opens for its message`(_ body: String) {
        let content = MessageContent(
            body: body, subject: "Subject", parameters: [.code: "246802", .app: "電話", .link: "https://x.example"])
        #expect(seal.open(seal.seal(content, id: "message"), id: "message") == content)
    }

    @Test func `a body of another message, key or purpose stays shut`() {
        let sealed = seal.seal(MessageContent(body: "246802 is your code"), id: "message")
        #expect(seal.open(sealed, id: "message2") == nil)
        #expect(seal.open(sealed, id: "") == nil)
        #expect(
            MessageSeal(secret: [UInt8](repeating: 1, count: 32), entropy: .seeded(1)).open(sealed, id: "message")
                == nil)
        let codes = SealingKey(secret: TestSecret.bytes, purpose: "one-time code")
        #expect(throws: CryptographyError.notAuthentic) { try codes.open(sealed, bindingTo: Array("message".utf8)) }
    }

    @Test func `no byte of it can be changed`() {
        let sealed = seal.seal(MessageContent(body: "246802"), id: "message")
        for index in sealed.indices {
            var tampered = sealed
            tampered[index] ^= 0x80
            #expect(seal.open(tampered, id: "message") == nil)
        }
        #expect(seal.open(Array(sealed.dropLast()), id: "message") == nil)
        #expect(seal.open([], id: "message") == nil)
    }
}
