import Cryptography
import Testing

@Suite struct VerificationKeyTests {
    private static func decode(_ text: String) -> [UInt8] { Base64URL.decode(text) ?? [] }

    /// RFC 7515 A.3.1.
    static let x = decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
    static let y = decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
    /// RFC 8037 A.2.
    static let edwards = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    static let exponent: [UInt8] = [1, 0, 1]

    /// Odd, of the right length: no product of two primes that anybody knows, but the shape of a modulus.
    private static func modulus(bytes: Int, last: UInt8 = 1) -> [UInt8] {
        [0x80] + [UInt8](repeating: 0x55, count: bytes - 2) + [last]
    }

    @Test func `the private keys that RFCs print have the public halves they print`() throws {
        #expect(
            try SigningKey(pem: PublishedKeys.rfc7515EC).verificationKey.parameters == .ec(x: Self.x, y: Self.y))
        #expect(
            try SigningKey(pem: PublishedKeys.rfc8037Ed25519).verificationKey.parameters == .okp(x: Self.edwards))
    }

    @Test func `a key made from public parameters verifies`() throws {
        for algorithm in [SignatureAlgorithm.es256, .rs256, .edDSA] {
            let key = try SigningKey.generate(algorithm)
            let copy = try VerificationKey(parameters: key.verificationKey.parameters)
            #expect(copy.algorithm == algorithm)
            #expect(copy.verify(try key.sign([1, 2, 3]), of: [1, 2, 3]))
        }
    }

    struct Refused: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let parameters: PublicKeyParameters
        let error: CryptographyError

        init(_ kind: String, _ parameters: PublicKeyParameters, _ error: CryptographyError) {
            (testDescription, self.parameters, self.error) = (kind, parameters, error)
        }
    }

    static let refusals = [
        Refused("a point off the curve", .ec(x: x, y: x), .invalidPublicKey),
        Refused(
            "zeros", .ec(x: [UInt8](repeating: 0, count: 32), y: [UInt8](repeating: 0, count: 32)), .invalidPublicKey),
        Refused("beyond the field", .ec(x: [UInt8](repeating: 0xFF, count: 32), y: y), .invalidPublicKey),
        Refused("a short coordinate", .ec(x: Array(x.dropLast()), y: y), .invalidPublicKey),
        Refused("a long coordinate", .ec(x: [0] + x, y: y), .invalidPublicKey),
        Refused("no coordinate", .ec(x: [], y: []), .invalidPublicKey),
        Refused("a short Ed25519 key", .okp(x: Array(edwards.dropLast())), .invalidPublicKey),
        Refused("a long Ed25519 key", .okp(x: edwards + [0]), .invalidPublicKey),
        Refused("RSA of 1024 bits", .rsa(n: modulus(bytes: 128), e: exponent), .unsupportedKey),
        Refused("RSA of 2047 bits", .rsa(n: [0x7F] + modulus(bytes: 256).dropFirst(), e: exponent), .unsupportedKey),
        Refused("RSA of 16384 bits", .rsa(n: modulus(bytes: 2048), e: exponent), .unsupportedKey),
        Refused("an empty modulus", .rsa(n: [], e: exponent), .unsupportedKey),
        Refused("an even modulus", .rsa(n: modulus(bytes: 256, last: 2), e: exponent), .invalidPublicKey),
        Refused("a zero in front", .rsa(n: [0] + modulus(bytes: 256), e: exponent), .invalidPublicKey),
        Refused("exponent 1", .rsa(n: modulus(bytes: 256), e: [1]), .invalidPublicKey),
        Refused("an even exponent", .rsa(n: modulus(bytes: 256), e: [1, 0, 0]), .invalidPublicKey),
        Refused("a zero before the exponent", .rsa(n: modulus(bytes: 256), e: [0, 1, 0, 1]), .invalidPublicKey),
        Refused("no exponent", .rsa(n: modulus(bytes: 256), e: []), .invalidPublicKey),
        Refused("a huge exponent", .rsa(n: modulus(bytes: 256), e: modulus(bytes: 128)), .invalidPublicKey),
        Refused("a secret", .symmetric, .unsupportedKey),
    ]

    @Test(arguments: refusals)
    func `parameters that no key has are refused`(_ key: Refused) {
        #expect(throws: key.error) { try VerificationKey(parameters: key.parameters) }
    }

    @Test func `a verification key does not accept the signature of another algorithm`() throws {
        let keys = try SignatureAlgorithm.allCases.map { try SigningKey.generate($0) }
        for signer in keys {
            let signature = try signer.sign([1, 2, 3])
            for verifier in keys where verifier.algorithm != signer.algorithm {
                #expect(!verifier.verificationKey.verify(signature, of: [1, 2, 3]))
            }
        }
    }
}
