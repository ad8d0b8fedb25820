import Cryptography
import PhoneLogin
import TestSupport
import Testing
import Time

@Suite struct DeviceRecognitionTests {
    private static let number = "+819012345678"
    private static let recognition = DeviceRecognition(secret: TestSecret.bytes, entropy: .seeded(1))
    private static let token = recognition.issue(for: nil, number: number, at: .noon)
    private static let lifetime = DeviceRecognition.lifetimeSeconds

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var token: String? = DeviceRecognitionTests.token
        var number = DeviceRecognitionTests.number
        var seconds = 0
        var recognition = DeviceRecognitionTests.recognition
        var isKnown = false

        init(_ description: String, change: (inout Row) -> Void = { _ in }) {
            testDescription = description
            change(&self)
        }
    }

    /// The token with one byte of what it is made of changed: the id, the time, the tag.
    private static func changed(byte: Int) -> String {
        var bytes = Base64URL.decode(token) ?? []
        bytes[byte] ^= 1
        return Base64URL.encode(bytes)
    }

    static let rows: [Row] = [
        Row("as issued") { $0.isKnown = true },
        Row("on its last day") {
            $0.seconds = lifetime - 1
            $0.isKnown = true
        },
        Row("issued in what a corrected clock calls the future") {
            $0.seconds = -3600
            $0.isKnown = true
        },
        Row("after its lifetime") { $0.seconds = lifetime },
        Row("no token") { $0.token = nil },
        Row("empty") { $0.token = "" },
        Row("another number") { $0.number = "+819012345679" },
        Row("another server's secret") {
            $0.recognition = DeviceRecognition(secret: [UInt8](repeating: 1, count: 32), entropy: .seeded(1))
        },
        Row("another id") { $0.token = changed(byte: 0) },
        Row("another time") { $0.token = changed(byte: 23) },
        Row("another tag") { $0.token = changed(byte: 55) },
        Row("cut off") { $0.token = String(token.dropLast(4)) },
        Row("lengthened") { $0.token = token + "AAAA" },
        Row("padded") { $0.token = token + "=" },
        Row("a space behind") { $0.token = token + " " },
        Row("megabytes") { $0.token = String(repeating: "A", count: 1_000_000) },
        Row("zeros") { $0.token = Base64URL.encode([UInt8](repeating: 0, count: 56)) },
        Row("another alphabet") { $0.token = Base64.encode(Base64URL.decode(token) ?? []) + "\u{301}" },
    ]

    @Test(arguments: rows)
    func `only a device that proved this number is known`(_ row: Row) {
        let now = Timestamp.noon.adding(seconds: row.seconds)
        #expect((row.recognition.recognize(row.token, number: row.number, at: now) != nil) == row.isKnown)
    }

    @Test func `a device keeps its identity and starts its lifetime anew`() throws {
        let known = try #require(Self.recognition.recognize(Self.token, number: Self.number, at: .noon))
        let later = Timestamp.noon.adding(seconds: Self.lifetime - 1)
        let renewed = Self.recognition.issue(for: known, number: Self.number, at: later)
        #expect(renewed != Self.token)
        let muchLater = later.adding(seconds: Self.lifetime - 1)
        #expect(Self.recognition.recognize(renewed, number: Self.number, at: muchLater) == known)
        #expect(Self.recognition.recognize(Self.token, number: Self.number, at: muchLater) == nil)
    }

    @Test func `two devices are two, and a number's device is nobody at another number`() throws {
        let other = Self.recognition.issue(for: nil, number: Self.number, at: .noon)
        let first = try #require(Self.recognition.recognize(Self.token, number: Self.number, at: .noon))
        let second = try #require(Self.recognition.recognize(other, number: Self.number, at: .noon))
        #expect(first != second)
        // The same device at a second number has another token and the same id.
        let elsewhere = Self.recognition.issue(for: first, number: "+819098765432", at: .noon)
        #expect(Self.recognition.recognize(elsewhere, number: "+819098765432", at: .noon) == first)
        #expect(Self.recognition.recognize(elsewhere, number: Self.number, at: .noon) == nil)
    }
}
