import Accounts
import Testing

@Suite struct PasswordRulesTests {
    /// How rules refuse a password; `nil` when they take it.
    private func refusal(
        of password: String, by rules: PasswordRules = PasswordRules(), names: [String] = []
    ) -> PasswordRules.Failure? {
        do throws(PasswordRules.Failure) {
            try rules.check(password, names: names)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "correct horse", "zq8&mVx2", "        x", "パスワードです長い", "ääääääää", "🐎🔋📎🐎🔋📎🐎🔋",
        String(repeating: "q7", count: 128), "Tr0ub4dor&3",
    ])
    func `anything long and uncommon will do, in any script`(_ password: String) {
        #expect(refusal(of: password) == nil)
    }

    static let refused: [(password: String, failure: PasswordRules.Failure)] = [
        ("", .tooShort), ("zq8&mVx", .tooShort), ("🐎🔋📎🐎🔋📎🐎", .tooShort),
        (String(repeating: "q", count: 257), .tooLong), (String(repeating: "é", count: 129), .tooLong),
        ("password", .common), ("PASSWORD", .common), ("PassWord", .common), ("12345678", .common),
        ("iloveyou", .common),
        ("qwertyuiop", .common),
    ]

    @Test(arguments: refused)
    func `what is short, endless or tried first is refused`(
        _ row: (password: String, failure: PasswordRules.Failure)
    ) {
        #expect(refusal(of: row.password) == row.failure)
    }

    @Test func `the limits are exact`() {
        for length in [4, 8, 20] {
            let rules = PasswordRules(minimumLength: length, maximumLength: length)
            #expect(refusal(of: String(repeating: "é", count: length - 1), by: rules) == .tooShort)
            #expect(refusal(of: String(repeating: "é", count: length), by: rules) == nil)
            #expect(refusal(of: String(repeating: "é", count: length + 1), by: rules) == .tooLong)
        }
        #expect(refusal(of: String(repeating: "q", count: PasswordRules.byteLimit)) == nil)
        #expect(refusal(of: "", by: PasswordRules(minimumLength: 0)) == .tooShort, "nothing is never a password")
    }

    @Test(arguments: [
        "correct horse", "correct\thorse", "correct\u{3000}horse", "correct\u{A0}horse", "correcthorse\n",
    ])
    func `white space is refused where the service does not know it`(_ password: String) {
        #expect(refusal(of: password) == nil)
        #expect(refusal(of: password, by: PasswordRules(allowsWhiteSpace: false)) == .whiteSpace)
    }

    @Test(arguments: ["liddell.alice", "LIDDELL.ALICE", "Liddell.Alice"])
    func `the account's own names are what anybody would try`(_ password: String) {
        #expect(refusal(of: password) == nil)
        #expect(refusal(of: password, names: ["liddell.alice", "+819012345678"]) == .common)
        #expect(refusal(of: "\(password)1", names: ["liddell.alice"]) == nil)
    }
}
