import Cryptography
import Synchronization
import Testing
import Time

/// Randomness that says what the test tells it to, then zeros.
private final class Script: Sendable {
    private let rest: Mutex<[UInt8]>

    init(_ bytes: [UInt8]) { rest = Mutex(bytes) }

    var entropy: Entropy {
        Entropy { count in
            self.rest.withLock { rest in
                let given = Array(rest.prefix(count))
                rest.removeFirst(given.count)
                return given + [UInt8](repeating: 0, count: count - given.count)
            }
        }
    }
}

@Suite struct EntropyTests {
    @Test func `every digit is reached by equally many bytes`() {
        var counts: [String: Int] = [:]
        // A rejected byte is followed by the zero of the script's end, so 250 to 255 show up as six more zeros.
        for byte in UInt8.min...UInt8.max {
            counts[Script([byte]).entropy.decimalCode(length: 1), default: 0] += 1
        }
        counts["0", default: 0] -= 6
        #expect(counts.count == 10)
        #expect(counts.values.allSatisfy { $0 == 25 })
    }

    @Test func `bytes from 250 up are drawn again`() {
        #expect(Script([255, 254, 253, 252, 251, 250, 1, 2, 3, 4, 5, 6]).entropy.decimalCode(length: 6) == "123456")
        #expect(Script([250, 7, 251, 249]).entropy.decimalCode(length: 2) == "79")
    }

    @Test func `leading zeros are kept and both ends are reachable`() {
        #expect(Script([]).entropy.decimalCode(length: 6) == "000000")
        #expect(Script([10, 20, 30, 40, 50, 1]).entropy.decimalCode(length: 6) == "000001")
        #expect(Script([UInt8](repeating: 249, count: 6)).entropy.decimalCode(length: 6) == "999999")
    }

    @Test(arguments: [0, 1, 4, 6, 8, 10])
    func `a code has as many digits as were asked for`(_ length: Int) {
        for _ in 0..<100 {
            let code = Entropy.system.decimalCode(length: length)
            #expect(code.utf8.count == length)
            #expect(code.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        }
    }

    /// Chi-squared over the ten digits; 40 is passed by chance about once in a hundred thousand runs.
    @Test func `the system's digits are spread evenly`() {
        var counts = [Int](repeating: 0, count: 10)
        for byte in Entropy.system.decimalCode(length: 100_000).utf8 { counts[Int(byte - UInt8(ascii: "0"))] += 1 }
        let deviation = counts.reduce(0.0) { $0 + (Double($1) - 10_000) * (Double($1) - 10_000) / 10_000 }
        #expect(deviation < 40)
    }

    @Test func `a token is 256 bits and an identifier 128`() throws {
        let bytes = Array(UInt8(0)..<32)
        #expect(Script(bytes).entropy.token() == Base64URL.encode(bytes))
        #expect(Script(bytes).entropy.token().utf8.count == 43)
        #expect(Script(bytes).entropy.identifier() == Base64URL.encode(Array(0..<16)))
        #expect(Script(bytes).entropy.identifier().utf8.count == 22)
    }

    @Test func `a UUID carries its version and variant`() {
        let ones = [UInt8](repeating: 0xFF, count: 16)
        #expect(Script(ones).entropy.uuid() == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        #expect(Script([]).entropy.uuid() == "00000000-0000-4000-8000-000000000000")
    }

    /// The time of RFC 9562 appendix A.6, whose UUID this is.
    @Test func `names with a time begin with it and end by chance`() {
        let then = Timestamp(milliseconds: 1_645_557_742_000)
        let chance: [UInt8] = [0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F]
        #expect(Script(chance).entropy.uuid(at: then) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        #expect(
            Script(chance).entropy.identifier(at: then)
                == Base64URL.encode([0x01, 0x7F, 0x22, 0xE2, 0x79, 0xB0] + chance))
        #expect(Set((0..<1000).map { _ in Entropy.system.uuid(at: then) }).count == 1000)
        #expect(Set((0..<1000).map { _ in Entropy.system.identifier(at: then) }).count == 1000)
    }

    @Test func `the system does not repeat itself`() {
        #expect(Set((0..<1000).map { _ in Entropy.system.token() }).count == 1000)
        #expect(Set((0..<1000).map { _ in Entropy.system.uuid() }).count == 1000)
        #expect(Entropy.system.bytes(0).isEmpty)
    }
}
