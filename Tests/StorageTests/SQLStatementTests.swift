import Accounts
import Cryptography
import OAuth
import Storage
import Testing
import Time

@Suite struct SQLStatementTests {
    @Test func `an interpolated value is bound and never part of the text`() {
        let name = "x'); DROP TABLE account; --"
        let statement: SQLStatement =
            "SELECT id FROM account WHERE id = \(name) AND created_at < \(Timestamp.init(seconds: 1))"
        #expect(statement.text == "SELECT id FROM account WHERE id = $1 AND created_at < $2")
        #expect(statement.values == [.text(name), .integer(1000)])
    }

    @Test func `a literal has no values`() {
        let statement: SQLStatement = "SELECT '$1'"
        #expect(statement.text == "SELECT '$1'")
        #expect(statement.values.isEmpty)
    }

    @Test func `nothing is NULL, and of its type`() {
        let text: String? = nil
        let time: Timestamp? = nil
        let challenge: CodeChallenge? = nil
        let statement: SQLStatement = "VALUES (\(text), \(time), \(challenge), \(Optional("there")))"
        #expect(statement.values == [.null(of: .text), .null(of: .integer), .null(of: .text), .text("there")])
    }

    @Test func `every type of the domain has one form in the database`() {
        let digest = SHA256Digest(of: "token")
        #expect(Int64.min.sqlValue == .integer(.min))
        #expect(7.sqlValue == .integer(7))
        #expect(true.sqlValue == .integer(1))
        #expect(false.sqlValue == .integer(0))
        #expect("text".sqlValue == .text("text"))
        #expect([UInt8]([1, 2]).sqlValue == .blob([1, 2]))
        #expect(digest.sqlValue == .blob(digest.bytes))
        #expect(Timestamp(milliseconds: -5).sqlValue == .integer(-5))
        #expect(ClientID("game").sqlValue == .text("game"))
        #expect(AccountID("account").sqlValue == .text("account"))
        #expect(GrantID("grant").sqlValue == .text("grant"))
        #expect(Scope("b a b")?.sqlValue == .text("b a"))
    }

    @Test func `a column of another type than expected is an error and not a guess`() throws {
        let row = SQLRow([.null(of: nil), .integer(5), .text("text"), .blob([1])])
        #expect(throws: UnexpectedColumn.self) { try row.integer(0) }
        #expect(throws: UnexpectedColumn.self) { try row.integer(2) }
        #expect(throws: UnexpectedColumn.self) { try row.text(3) }
        #expect(throws: UnexpectedColumn.self) { try row.blob(2) }
        #expect(throws: UnexpectedColumn.self) { try row.optionalText(1) }
        #expect(throws: UnexpectedColumn.self) { try row.optionalInteger(2) }
        #expect(try row.optionalText(0) == nil)
        #expect(try row.optionalInteger(0) == nil)
        #expect(try row.optionalTime(0) == nil)
        #expect(try row.time(1) == Timestamp(milliseconds: 5))
        #expect(try row.blob(3) == [1])
    }
}
