import Cryptography
import Testing

@Suite struct KeyDerivationTests {
    /// RFC 5869 A.1 to A.3.
    @Test func `the published HKDF outputs are met`() {
        let secret = [UInt8](repeating: 0x0B, count: 22)
        #expect(
            Hex.encode(
                KeyDerivation.hkdfSHA256(secret: secret, salt: Array(0...12), info: Array(0xF0...0xF9), length: 42))
                == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
        #expect(
            Hex.encode(
                KeyDerivation.hkdfSHA256(
                    secret: Array(0x00...0x4F), salt: Array(0x60...0xAF), info: Array(0xB0...0xFF), length: 82))
                    == """
                    b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271\
                    cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87
                    """)
        #expect(
            Hex.encode(KeyDerivation.hkdfSHA256(secret: secret, info: "", length: 42))
                == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
    }

    @Test func `keys for two purposes have nothing in common`() {
        let secret = [UInt8](repeating: 7, count: 32)
        let one = KeyDerivation.hkdfSHA256(secret: secret, info: "one", length: 32)
        #expect(one == KeyDerivation.hkdfSHA256(secret: secret, info: "one", length: 32))
        #expect(one != KeyDerivation.hkdfSHA256(secret: secret, info: "two", length: 32))
    }

    struct PublishedScrypt: CustomTestStringConvertible, Sendable {
        let password: String
        let salt: String
        let logCost: Int
        let blockSize: Int
        let parallelism: Int
        let derived: String
        var testDescription: String { "N = 2^\(logCost), r = \(blockSize), p = \(parallelism)" }
    }

    /// RFC 7914 §12 without the last, which takes a gigabyte.
    static let scrypt = [
        PublishedScrypt(
            password: "", salt: "", logCost: 4, blockSize: 1, parallelism: 1,
            derived: """
                77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442\
                fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
                """),
        PublishedScrypt(
            password: "password", salt: "NaCl", logCost: 10, blockSize: 8, parallelism: 16,
            derived: """
                fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
                2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
                """),
        PublishedScrypt(
            password: "pleaseletmein", salt: "SodiumChloride", logCost: 14, blockSize: 8, parallelism: 1,
            derived: """
                7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2\
                d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887
                """),
    ]

    @Test(arguments: scrypt)
    func `the published scrypt outputs are met`(_ example: PublishedScrypt) throws {
        let parameters = try #require(
            ScryptParameters(
                logCost: example.logCost, blockSize: example.blockSize, parallelism: example.parallelism))
        let derived = KeyDerivation.scrypt(
            password: Array(example.password.utf8), salt: Array(example.salt.utf8), parameters: parameters,
            length: 64)
        #expect(Hex.encode(derived) == example.derived)
    }
}
