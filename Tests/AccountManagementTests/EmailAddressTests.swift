import Accounts
import Testing

@Suite struct EmailAddressTests {
    static let good: [String] = [
        "alice@example.com", "a@b.co", "ALICE@EXAMPLE.COM", "alice.liddell+glass@sub.example.co.jp",
        "a!#$%&'*+-/=?^_`{|}~z@example.com", "1@2.com", "alice@xn--e1afmkfd.xn--p1ai", "アリス@例え.jp", "é@münchen.de",
        "alice@a-b.com", "\(String(repeating: "a", count: 64))@example.com",
        "a@\(String(repeating: "b", count: 63)).com",
        "\(String(repeating: "a", count: 64))@\(String(repeating: "b.", count: 93))com",
    ]

    @Test(arguments: good)
    func `what mail servers take is an address, kept as it was written`(_ text: String) throws {
        #expect(try #require(EmailAddress(text)).text == text)
    }

    /// One deviation each from an address.
    static let bad: [String] = [
        "", "@", "alice", "alice@", "@example.com", "alice@example", "alice@@example.com", "al@ice@example.com",
        "alice @example.com", " alice@example.com", "alice@example.com ", "alice@exa mple.com", "alice\t@example.com",
        "alice@example.com\n", "alice\r\nBcc: mallory@example.net@example.com", "alice\u{0}@example.com",
        "alice\u{7F}@example.com", "alice\u{85}@example.com", "alice\u{2028}@example.com", "al\u{200B}ice@example.com",
        "alice\u{202E}@example.com", "alice@exam\u{AD}ple.com",
        ".alice@example.com", "alice.@example.com", "al..ice@example.com", "alice@.example.com",
        "alice@example.com.", "alice@example..com", "alice@-example.com", "alice@example-.com", "alice@exa_mple.com",
        "\"alice\"@example.com", "alice@[127.0.0.1]", "alice@127.0.0.1", "alice(comment)@example.com",
        "<alice@example.com>", "alice,bob@example.com", "alice;bob@example.com", "alice:x@example.com",
        "al\\ice@example.com", "alice@example.com,bob@example.com", "alice＠example.com", "alice@example．com",
        "😀@example.com", "mailto:alice@example.com",
        "\(String(repeating: "a", count: 65))@example.com", "a@\(String(repeating: "b", count: 64)).com",
        "\(String(repeating: "a", count: 64))@\(String(repeating: "b.", count: 94))com",
    ]

    @Test(arguments: bad)
    func `anything else is none`(_ text: String) {
        #expect(EmailAddress(text) == nil)
    }

    @Test(arguments: ["alice@example.com", "Alice@Example.COM", "ａｌｉｃｅ@example.com", "ALICE@example.com"])
    func `addresses are compared as people read them`(_ text: String) throws {
        #expect(try #require(EmailAddress(text)).key == FoldedText("alice@example.com"))
    }

    @Test func `neither dots nor what follows a plus is dropped`() throws {
        let plain = try #require(EmailAddress("alice@example.com")).key
        for text in ["al.ice@example.com", "alice+x@example.com", "alice@mail.example.com"] {
            #expect(try #require(EmailAddress(text)).key != plain)
        }
    }

    @Test func `a masked address tells its first letter and its place`() throws {
        #expect(try #require(EmailAddress("alice@example.com")).masked == "a***@example.com")
        #expect(try #require(EmailAddress("a@example.com")).masked == "a***@example.com")
    }
}
