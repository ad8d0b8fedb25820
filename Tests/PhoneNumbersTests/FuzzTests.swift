import CPhoneNumber
import PhoneNumbers
import Testing

/// Attack 41, and the rule that no number is ever written to a log by something that is not our log.
@Suite struct FuzzTests {
    @Test func `no input crashes the check or makes the process print`() async throws {
        // In a process of its own, because the test runner prints too.
        let result = try await #require(
            processExitsWith: .success, observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            Fuzz.checkBytes(seed: 1, count: 20_000)
            Fuzz.checkSpellings(seed: 2, count: 20_000)
            for text in WireSpellingTests.malformed + WireSpellingTests.invalid + WrittenSpellingTests.malformed {
                _ = try? PhoneNumber(e164Input: text)
                _ = try? PhoneNumber(parsing: text, region: "JP")
            }
            unsafe denwa_library_log("+819012345678")
        }
        #expect(String(decoding: result.standardOutputContent, as: UTF8.self) == "")
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self) == "")
    }

    @Test func `what is accepted is stable, and equal by both doors`() {
        let accepted = Fuzz.checkSpellings(seed: 3, count: 20_000)
        #expect(accepted.count > 100)
        for number in accepted {
            #expect((try? PhoneNumber(e164Input: number.e164)).map(Library.Answer.init) == Library.Answer(number))
            #expect((try? PhoneNumber(parsing: number.e164)).map(Library.Answer.init) == Library.Answer(number))
        }
    }
}

enum Fuzz {
    /// Any bytes, also such that no Swift string can hold, straight into the shim.
    static func checkBytes(seed: UInt64, count: Int) {
        var random = Deterministic(state: seed)
        for _ in 0..<count {
            let length = Int.random(in: 0...80, using: &random)
            let bytes = (0..<length).map { _ in CChar(truncatingIfNeeded: random.next()) }
            var answer = denwa_phone_answer()
            _ = unsafe denwa_phone_check(bytes, bytes.count, "JP", &answer)
        }
    }

    /// Texts of the pieces that numbers, and tricks with numbers, are made of.
    @discardableResult
    static func checkSpellings(seed: UInt64, count: Int) -> [PhoneNumber] {
        let pieces = [
            "+", "+81", "+1", "+44", "+52", "+7", "+39", "00", "0", "1", "90", "070", "20", "202", "55", "1234", "5678",
            "916", "0123", "12345678", " ", "-", "(", ")", ".", "/", "\u{3000}", "\u{FF0B}", "\u{FF18}\u{FF11}",
            "\u{0660}\u{0669}", "\u{202E}", "\u{202A}", "\0", "%00", ";ext=", "x", "#", "~", "tel:", ";phone-context=",
            ";isub=", "\u{0301}", "\u{1F4DE}", "\n",
        ]
        var random = Deterministic(state: seed)
        var accepted: [PhoneNumber] = []
        for _ in 0..<count {
            let plain = Bool.random(using: &random)
            let text = (0..<Int.random(in: 1...7, using: &random)).map { _ in
                pieces[Int.random(in: 0..<(plain ? 26 : pieces.count), using: &random)]
            }.joined()
            let region = ["JP", "US", "MX", "GB", "IT", nil][Int.random(in: 0..<6, using: &random)]
            if let number = try? PhoneNumber(parsing: text, region: region) { accepted.append(number) }
            if let number = try? PhoneNumber(e164Input: text) { accepted.append(number) }
        }
        return accepted
    }
}
