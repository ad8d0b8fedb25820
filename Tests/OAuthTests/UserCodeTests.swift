import Cryptography
import Synchronization
import TestSupport
import Testing

@testable import OAuth

@Suite struct UserCodeTests {
    /// As people type what a device shows as `BCDF-GHJK`.
    static let typings = [
        "BCDF-GHJK", "bcdf-ghjk", "BCDFGHJK", "bcdfghjk", " BCDF GHJK ", "B C D F G H J K", "bcdf – ghjk", "BcDf--gHjK",
        "ＢＣＤＦ－ＧＨＪＫ", "ｂｃｄｆーｇｈｊｋ", "BCDF\u{3000}GHJK", "\u{2066}BCDF-GHJK\u{2069}", "BCDF\u{2212}GHJK",
    ]

    @Test(arguments: typings)
    func `a code is read however it is typed`(_ typed: String) {
        #expect(UserCode(typed)?.text == "BCDF-GHJK")
    }

    @Test(arguments: [
        "", "BCDF", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJY", "BCDF-GHJ1", "BCDF_GHJK", "BCDF\nGHJK",
        "BCDF.GHJK", "BCDF-GHJ\u{212A}", "BĆDFGHJK", "BCDFGHJK\u{301}", "BCDF-GHJK" + String(repeating: " ", count: 64),
    ])
    func `what no device shows is no code`(_ typed: String) {
        #expect(UserCode(typed) == nil)
    }

    @Test func `codes are made of every letter, each as often as the others`() {
        let entropy = Entropy.seeded(1)
        var counts: [Character: Int] = [:]
        var codes: Set<String> = []
        for _ in 0..<5000 {
            let code = UserCode(entropy: entropy)
            #expect(UserCode(code.text) == code)
            codes.insert(code.text)
            for letter in code.text where letter != "-" { counts[letter, default: 0] += 1 }
        }
        #expect(codes.count == 5000)
        #expect(Set(counts.keys) == Set("BCDFGHJKLMNPQRSTVWXZ"))
        // 2000 of each on average; six standard deviations are about 260.
        #expect(counts.values.allSatisfy { (1740...2260).contains($0) })
    }

    @Test func `bytes that would prefer some letters are drawn again`() {
        let script: [UInt8] = [255, 240, 0, 19, 20, 39, 239, 220, 250, 200, 181]
        let drawn = Mutex(script[...])
        let entropy = Entropy { count in
            drawn.withLock { bytes in
                defer { bytes = bytes.dropFirst(count) }
                return Array(bytes.prefix(count))
            }
        }
        // Of eight bytes six are good, of the next two one, and then the last.
        #expect(UserCode(entropy: entropy).text == "BZBZ-ZBBC")
    }

    @Test func `a code's digest depends on the key, and on nothing of how it was typed`() throws {
        let (one, other) = (try #require(UserCode("BCDF-GHJK")), try #require(UserCode("bcdf ghjk")))
        let key = UserCodeKey(secret: TestSecret.bytes)
        #expect(key.digest(of: one) == key.digest(of: other))
        #expect(key.digest(of: one) != key.digest(of: try #require(UserCode("BCDF-GHJL"))))
        #expect(key.digest(of: one) != UserCodeKey(secret: [UInt8](repeating: 0, count: 32)).digest(of: one))
    }
}
