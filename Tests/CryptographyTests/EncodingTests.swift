import Cryptography
import Testing

@Suite struct EncodingTests {
    /// RFC 4648 §10.
    static let published: [(plain: String, base64: String)] = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test(arguments: published)
    func `the examples of RFC 4648 are met both ways`(_ plain: String, _ base64: String) {
        let bytes = Array(plain.utf8)
        let unpadded = String(base64.prefix { $0 != "=" })
        #expect(Base64.encode(bytes) == base64)
        #expect(Base64.decode(base64) == bytes)
        #expect(Base64URL.encode(bytes) == unpadded)
        #expect(Base64URL.decode(unpadded) == bytes)
    }

    @Test func `every byte at every position survives a round trip`() {
        for length in 0..<8 {
            for byte in UInt8.min...UInt8.max {
                let bytes = [UInt8](repeating: byte, count: length)
                #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
                #expect(Base64.decode(Base64.encode(bytes)) == bytes)
                #expect(Hex.decode(Hex.encode(bytes)) == bytes)
            }
        }
    }

    @Test func `the two alphabets differ in two characters`() {
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
    }

    @Test func `slices and other collections encode as arrays do`() {
        let bytes: [UInt8] = [0, 1, 2, 3, 4, 5]
        #expect(Base64URL.encode(bytes[2...]) == Base64URL.encode([2, 3, 4, 5]))
        #expect(Hex.encode(bytes[4...]) == "0405")
        #expect(Base64URL.decode("xxZm9v".dropFirst(2)) == Array("foo".utf8))
    }

    @Test(arguments: [
        "Zg==", "Zm8=", "=", "A", "AAAAA", "Zm9v\n", " Zm9v", "Zm 9v", "+_8", "ab/d", "Zm9v.", "Zm9é", "Zm9\u{0}",
        // Left-over bits: another spelling of "f" and of "fo".
        "Zh", "Zn", "Zm9",
    ])
    func `base64url has one spelling for one value`(_ text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test(arguments: ["Zg", "Zg=", "Zg===", "Zm9v=", "====", "Z===", "Zm9v\n", "-_8=", "Zh==", "Zg==Zg=="])
    func `padded base64 is as strict`(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `hexadecimal is written in lower case and read in either`() {
        #expect(Hex.encode([0x00, 0x9F, 0xAB]) == "009fab")
        #expect(Hex.decode("009FaB") == [0x00, 0x9F, 0xAB])
    }

    @Test(arguments: ["0", "0g", "0x00", "00 ", "é0", "/0", ":0", "@0", "`0"])
    func `anything but pairs of hexadecimal digits is refused`(_ text: String) {
        #expect(Hex.decode(text) == nil)
    }
}
