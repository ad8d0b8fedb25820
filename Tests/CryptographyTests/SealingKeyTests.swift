import Cryptography
import Testing

@Suite struct SealingKeyTests {
    private let key = SealingKey(secret: Array(0..<32), purpose: "test")
    private let code = Array("483920".utf8)
    private let row = Array("operation 7".utf8)

    private func entropy(nonce: [UInt8]) -> Entropy { Entropy { _ in nonce } }

    /// Made with the Python package cryptography: HKDF-SHA256 with info "denwa seal test", then AES-256-GCM.
    @Test func `a box is what another implementation makes of the same input`() throws {
        let box = key.seal(code, bindingTo: row, entropy: entropy(nonce: Array(100..<112)))
        #expect(Hex.encode(box) == "6465666768696a6b6c6d6e6f50d9ce1d624c75f434fb6c106f4c77d419b5d2c83019")
    }

    @Test(arguments: [0, 1, 6, 16, 1000])
    func `a box opens to what was sealed`(_ length: Int) throws {
        let plaintext = Entropy.system.bytes(length)
        let box = key.seal(plaintext, bindingTo: row, entropy: .system)
        #expect(box.count == 12 + length + 16)
        #expect(try key.open(box, bindingTo: row) == plaintext)
    }

    @Test func `nothing need be bound`() throws {
        #expect(try key.open(key.seal(code, bindingTo: [], entropy: .system), bindingTo: []) == code)
    }

    @Test func `the same text never gives the same box twice`() {
        let boxes = Set((0..<100).map { _ in key.seal(code, bindingTo: row, entropy: .system) })
        #expect(boxes.count == 100)
    }

    @Test func `no bit of a box can be changed`() {
        let box = key.seal(code, bindingTo: row, entropy: .system)
        for index in box.indices {
            for bit in 0..<8 {
                var changed = box
                changed[index] ^= 1 << UInt8(bit)
                #expect(throws: CryptographyError.notAuthentic) { try key.open(changed, bindingTo: row) }
            }
        }
    }

    @Test func `a box cannot be cut or lengthened`() {
        let box = key.seal(code, bindingTo: row, entropy: .system)
        for length in 0..<box.count {
            #expect(throws: CryptographyError.notAuthentic) {
                try key.open(Array(box.prefix(length)), bindingTo: row)
            }
        }
        #expect(throws: CryptographyError.notAuthentic) { try key.open(box + [0], bindingTo: row) }
    }

    @Test func `a box opens for no other row, purpose or secret`() {
        let box = key.seal(code, bindingTo: row, entropy: .system)
        let otherPurpose = SealingKey(secret: Array(0..<32), purpose: "tests")
        let otherSecret = SealingKey(secret: Array(1..<33), purpose: "test")
        #expect(throws: CryptographyError.notAuthentic) { try key.open(box, bindingTo: Array("operation 8".utf8)) }
        #expect(throws: CryptographyError.notAuthentic) { try key.open(box, bindingTo: []) }
        #expect(throws: CryptographyError.notAuthentic) { try otherPurpose.open(box, bindingTo: row) }
        #expect(throws: CryptographyError.notAuthentic) { try otherSecret.open(box, bindingTo: row) }
    }

    @Test func `a key does not print itself`() {
        var dumped = ""
        dump(key, to: &dumped)
        #expect(dumped == "- SealingKey\n")
    }
}
