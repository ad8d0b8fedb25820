import Cryptography
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4, the one-block example "abc".
    @Test func `the digests of FIPS 180 are met`() {
        let message = Array("abc".utf8)
        #expect(
            Hex.encode(Digest.sha256(message)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Hex.encode(Digest.sha384(message)) == """
                cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                8086072ba1e7cc2358baeca134c825a7
                """)
        #expect(
            Hex.encode(Digest.sha512(message)) == """
                ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
                """)
    }

    @Test func `nothing has a digest too`() {
        #expect(Hex.encode(Digest.sha256([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func `a text is hashed as its UTF-8`() {
        #expect(SHA256Digest(of: "電話") == SHA256Digest(of: Array("電話".utf8)))
    }

    /// RFC 7636 appendix B: a code challenge is this property of the verifier's digest.
    @Test func `a digest in base64url is a PKCE challenge`() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        #expect(SHA256Digest(of: verifier).base64URL == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test(arguments: [0, 31, 33])
    func `a stored digest of the wrong length is refused`(_ length: Int) {
        #expect(SHA256Digest(bytes: [UInt8](repeating: 1, count: length)) == nil)
    }

    @Test func `a stored digest reads back equal`() {
        let digest = SHA256Digest(of: "token")
        #expect(SHA256Digest(bytes: digest.bytes) == digest)
    }

    @Test func `equality in constant time sees every byte`() {
        let bytes = Digest.sha256([1])
        #expect(equalInConstantTime(bytes, bytes))
        #expect(equalInConstantTime([], []))
        #expect(!equalInConstantTime(bytes, Array(bytes.dropLast())))
        #expect(!equalInConstantTime([], bytes))
        for index in bytes.indices {
            var other = bytes
            other[index] ^= 0x80
            #expect(!equalInConstantTime(bytes, other))
        }
        #expect(SHA256Digest(of: "a").isEqualInConstantTime(to: SHA256Digest(of: "a")))
        #expect(!SHA256Digest(of: "a").isEqualInConstantTime(to: SHA256Digest(of: "b")))
    }
}
