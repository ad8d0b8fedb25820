import Accounts
import Testing

@testable import AccountManagement

@Suite struct LoginIdentifierTests {
    private static func folded(_ text: String) -> FoldedText { FoldedText(stored: text) }

    static let references: [(text: String, identifier: LoginIdentifier)] = [
        ("+819012345678", .number("+819012345678")), ("LOGIN_NAME:Alice", .loginName(folded("alice"))),
        ("LOGIN_NAME:a:b", .loginName(folded("a:b"))), ("EMAIL:Alice@Example.com", .email(folded("alice@example.com"))),
        ("5f0c6a52-0000-4000-8000-000000000000", .id(AccountID("5f0c6a52-0000-4000-8000-000000000000"))),
        ("alice", .id(AccountID("alice"))), ("login_name:alice", .id(AccountID("login_name:alice"))),
        ("PHONE:+819012345678", .id(AccountID("PHONE:+819012345678"))), ("", .id(AccountID(""))),
        ("LOGIN_NAME:", .id(AccountID("LOGIN_NAME:"))), ("EMAIL:\u{200B}", .id(AccountID("EMAIL:\u{200B}"))),
        ("819012345678", .id(AccountID("819012345678"))),
    ]

    @Test(arguments: references)
    func `operators name accounts by what they have`(_ row: (text: String, identifier: LoginIdentifier)) {
        #expect(LoginIdentifier(reference: row.text) == row.identifier)
    }

    @Test func `spellings of one name share one counter, and names of other kinds do not`() throws {
        let spellings = ["Alice", "ＡＬＩＣＥ", "al\u{AD}ice"]
        let names = try spellings.map { LoginIdentifier.loginName(try #require(FoldedText($0))).countedAs }
        #expect(Set(names).count == 1)
        let kinds: [LoginIdentifier] = [
            .id(AccountID("alice")), .loginName(Self.folded("alice")), .email(Self.folded("alice")), .number("alice"),
        ]
        #expect(Set(kinds.map(\.countedAs)).count == 4)
    }

    /// Letters, digits and three marks, three to eight of them.
    private let rule = LoginNameRule(minimumLength: 3, maximumLength: 8) {
        $0.properties.isAlphabetic || $0.properties.numericType != nil || "_.-\u{AD}".unicodeScalars.contains($0)
    }

    static let refused: [(name: String, reason: AccountError.Reason)] = [
        ("", .tooShort), ("ab", .tooShort), ("abcdefghi", .tooLong), ("a b", .invalid), ("a@b", .invalid),
        ("ab\u{0}", .invalid), ("a\u{AD}b", .tooShort), ("\u{AD}\u{AD}\u{AD}", .invalid),
    ]

    @Test(arguments: refused)
    func `a name that breaks the rule is refused, and says why`(_ row: (name: String, reason: AccountError.Reason)) {
        do throws(AccountError) {
            _ = try rule.check(row.name)
            Issue.record("the name must be refused")
        } catch {
            guard case .invalid(.loginName, row.reason) = error else {
                Issue.record("refused otherwise: \(error)")
                return
            }
        }
    }

    @Test(arguments: ["abc", "ABCDEFGH", "a.b", "日本語", "a-1_b"])
    func `a name that keeps the rule is kept as written, and compared folded`(_ name: String) throws {
        let checked = try rule.check(name)
        #expect(checked.text == name)
        #expect(checked.key == FoldedText(name))
    }
}
