import JOSE
import Testing

/// SplitMix64: the same values from the same seed on every machine, so a failure can be run again.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    mutating func value(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth == 0 ? 5 : 7), using: &self) {
        case 0: .null
        case 1: .bool(Bool.random(using: &self))
        case 2: .integer(Int64.random(in: .min ... .max, using: &self) >> Int64.random(in: 0..<64, using: &self))
        case 3: .number(Double.random(in: -1e9...1e9, using: &self))
        case 4: .string(text())
        case 5: .array((0..<Int.random(in: 0..<5, using: &self)).map { _ in value(depth: depth - 1) })
        default:
            .object(
                JSONObject((0..<Int.random(in: 0..<20, using: &self)).map { _ in (text(), value(depth: depth - 1)) }))
        }
    }

    mutating func text() -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<12, using: &self) {
            let limit: UInt32 = Bool.random(using: &self) ? 0x80 : 0x11_0000
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &self)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    mutating func mutate(_ bytes: inout [UInt8]) {
        let interesting = Array("{}[]\",:\\u0123456789abcdefDd8.eE+-tn \u{0}\u{7F}é".utf8) + [0x80, 0xC0, 0xED, 0xFF]
        for _ in 0...Int.random(in: 0..<4, using: &self) {
            let index = Int.random(in: 0...bytes.count, using: &self)
            let byte = interesting.randomElement(using: &self) ?? 0
            switch Int.random(in: 0..<4, using: &self) {
            case 0: bytes.insert(byte, at: index)
            case 1 where index < bytes.count: bytes[index] = byte
            case 2 where index < bytes.count: bytes.remove(at: index)
            default: bytes.removeLast(Int.random(in: 0...min(3, bytes.count), using: &self))
            }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct JSONFuzzTests {
    @Test(arguments: 0..<8)
    func `what was written is read back equal`(_ seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<300 {
            let value = generator.value(depth: 3)
            #expect(try JSONValue(parsing: value.serialized()) == value)
        }
    }

    @Test(arguments: 0..<8)
    func `a mutated text is refused or read, and what is read can be written and read again`(_ seed: UInt64) throws {
        var generator = SeededGenerator(state: seed &* 7919)
        var read = 0
        for _ in 0..<3000 {
            var bytes = generator.value(depth: 2).serialized()
            generator.mutate(&bytes)
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            read += 1
            #expect(try JSONValue(parsing: value.serialized()) == value)
        }
        // Otherwise the loop tested only refusals.
        #expect(read > 100)
    }

    @Test(arguments: 0..<4)
    func `noise is never taken for a token`(_ seed: UInt64) throws {
        var generator = SeededGenerator(state: seed &+ 41)
        let alphabet = Array("abcXYZ019-_.=+/ {}\u{0}".utf8)
        for _ in 0..<2000 {
            let length = Int.random(in: 0..<80, using: &generator)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            #expect(throws: JOSEError.self) {
                try JWS.verify(String(decoding: bytes, as: UTF8.self), type: nil) { _ in nil }
            }
        }
    }
}
