import Cryptography
import Testing

@Suite struct SigningKeyTests {
    private let message = Array("The quick brown fox".utf8)

    @Test(arguments: SignatureAlgorithm.allCases)
    func `a new key signs what its verification key accepts, and nothing else`(
        _ algorithm: SignatureAlgorithm
    ) throws {
        let key = try SigningKey.generate(algorithm)
        let signature = try key.sign(message)
        #expect(key.algorithm == algorithm)
        #expect(key.verificationKey.algorithm == algorithm)
        #expect(key.verificationKey.verify(signature, of: message))
        #expect(!key.verificationKey.verify(signature, of: message + [0]))
        #expect(!key.verificationKey.verify(signature, of: []))
        #expect(!key.verificationKey.verify([], of: message))
        #expect(!key.verificationKey.verify(signature + [0], of: message))
        #expect(!key.verificationKey.verify(Array(signature.dropLast()), of: message))
        #expect(try !SigningKey.generate(algorithm).verificationKey.verify(signature, of: message))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.verificationKey.verify(changed, of: message))
        }
    }

    @Test func `an empty message can be signed`() throws {
        for algorithm in SignatureAlgorithm.allCases {
            let key = try SigningKey.generate(algorithm)
            #expect(key.verificationKey.verify(try key.sign([]), of: []))
        }
    }

    /// RFC 7518 §3.4: numbers shorter than the field keep their leading zeros, one signature in 128.
    @Test func `an ES256 signature always has 64 bytes`() throws {
        let key = try SigningKey.generate(.es256)
        var sawLeadingZero = false
        for round in 0..<2000 {
            let message = Array("\(round)".utf8)
            let signature = try key.sign(message)
            sawLeadingZero = sawLeadingZero || signature[0] == 0 || signature[32] == 0
            #expect(signature.count == 64)
            #expect(key.verificationKey.verify(signature, of: message))
        }
        #expect(sawLeadingZero)
    }

    @Test(arguments: [[UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xFF, count: 64)])
    func `an ES256 signature of zeros, or beyond the group, is refused`(_ signature: [UInt8]) throws {
        #expect(try !SigningKey.generate(.es256).verificationKey.verify(signature, of: message))
    }

    /// A JWS carries r ‖ s only; a verifier that also took DER would accept two spellings of one token.
    @Test func `an ES256 signature in DER is refused`() throws {
        let key = try SigningKey.generate(.es256)
        let raw = try key.sign(message)
        let integer = { (half: ArraySlice<UInt8>) -> [UInt8] in
            let digits = Array(half.drop { $0 == 0 })
            let padded = (digits.first ?? 0) >= 0x80 ? [0] + digits : digits
            return [2, UInt8(padded.count)] + padded
        }
        let body = integer(raw[..<32]) + integer(raw[32...])
        #expect(!key.verificationKey.verify([0x30, UInt8(body.count)] + body, of: message))
    }

    @Test(arguments: [SignatureAlgorithm.es256, .rs256, .edDSA])
    func `a key survives its PEM`(_ algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.generate(algorithm)
        let pem = try key.pem()
        #expect(pem.hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
        let read = try SigningKey(pem: pem)
        #expect(read.algorithm == algorithm)
        #expect(read.verificationKey.parameters == key.verificationKey.parameters)
        #expect(key.verificationKey.verify(try read.sign(message), of: message))
    }

    @Test func `an RSA key is as long as asked for`() throws {
        let key = try SigningKey.generate(.rs256, modulusBits: 3072)
        guard case .rsa(let n, let e) = key.verificationKey.parameters else {
            Issue.record("not an RSA key")
            return
        }
        #expect(n.count == 384)
        #expect(e == [1, 0, 1])
    }

    @Test(arguments: [0, 512, 1024, 2047, 16384])
    func `an RSA key too short or too long is not made`(_ bits: Int) {
        #expect(throws: CryptographyError.unsupportedKey) { try SigningKey.generate(.rs256, modulusBits: bits) }
    }

    @Test func `a secret needs 32 bytes and has no PEM`() throws {
        #expect(throws: CryptographyError.secretTooShort) { try SigningKey(secret: [UInt8](repeating: 1, count: 31)) }
        let key = try SigningKey(secret: [UInt8](repeating: 1, count: 32))
        #expect(key.algorithm == .hs256)
        #expect(key.verificationKey.parameters == .symmetric)
        #expect(throws: CryptographyError.notExportable) { try key.pem() }
    }

    @Test func `a published key is read from text around it`() throws {
        let key = try SigningKey(pem: "Bag Attributes: none\n\n\(PublishedKeys.rfc7515EC)\n\ntrailing words\n")
        #expect(key.algorithm == .es256)
    }

    /// Printed by its kind, so that a test log holds no keys.
    struct Refused: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let pem: String
        let error: CryptographyError

        init(_ kind: String, _ pem: String, _ error: CryptographyError) {
            (testDescription, self.pem, self.error) = (kind, pem, error)
        }
    }

    @Test(arguments: [
        Refused("RSA of 1024 bits", RefusedKeys.rsa1024, .unsupportedKey),
        Refused("RSA-PSS", RefusedKeys.rsaPSS, .unsupportedKey),
        Refused("P-384", RefusedKeys.p384, .unsupportedKey),
        Refused("secp256k1", RefusedKeys.secp256k1, .unsupportedKey),
        Refused("explicit curve", RefusedKeys.explicitP256, .unsupportedKey),
        Refused("Ed448", RefusedKeys.ed448, .unsupportedKey),
        Refused("X25519", RefusedKeys.x25519, .unsupportedKey),
        Refused("public", RefusedKeys.publicOnly, .unreadableKey),
        Refused("encrypted", RefusedKeys.encrypted, .unreadableKey),
        Refused("traditional", RefusedKeys.traditional, .unreadableKey),
        Refused("empty", "", .unreadableKey),
        Refused("no PEM", "secret", .unreadableKey),
        Refused("cut", String(PublishedKeys.rfc7515RSA.prefix(800)), .unreadableKey),
        Refused("no DER", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", .unreadableKey),
    ])
    func `a key of another kind is refused`(_ key: Refused) {
        #expect(throws: key.error) { try SigningKey(pem: key.pem) }
    }

    @Test func `a key whose halves differ is refused`() throws {
        // The fourth line of the Base64 lies inside the modulus.
        var lines = PublishedKeys.rfc7515RSA.split(separator: "\n").map(String.init)
        lines[3].replaceSubrange(lines[3].startIndex...lines[3].startIndex, with: lines[3].hasPrefix("A") ? "B" : "A")
        #expect(throws: CryptographyError.inconsistentKey) { try SigningKey(pem: lines.joined(separator: "\n")) }
    }

    @Test func `an error says nothing of the key`() {
        let error = #expect(throws: CryptographyError.self) { try SigningKey(pem: RefusedKeys.p384) }
        #expect(error.map { "\($0)" } == "unsupportedKey")
    }
}
