import AccountImport
import PhoneNumbers
import Testing
import Time

@Suite struct FieldTests {
    /// One value in one column, beside a login name where the column is another.
    private func record(_ column: String, _ value: String, country: String? = nil) throws -> Record? {
        let quoted = "\"\(value.replacing("\"", with: "\"\""))\""
        let text = column == "login_name" ? "login_name,email\n\(quoted),\n" : "login_name,\(column)\nx,\(quoted)\n"
        let found = try records(text, country: country)
        #expect(found.count == 1)
        return found.first
    }

    @Test func `what a file leaves out has its default`() throws {
        let user = try user("login_name\nhanako\n")
        var expected = ImportedUser()
        expected.loginName = "hanako"
        #expect(user == expected)
        #expect(user.phoneVerified && !user.emailVerified && !user.disabled)
    }

    @Test func `every field arrives`() throws {
        let user = try user(
            """
            id,phone_number,phone_verified,login_name,email,email_verified,password_hash,display_name,country,locale,\
            created_at,disabled,properties.coins,properties.rank
            6BA7B810-9DAD-11D1-80B4-00C04FD430C8,+81 90-1234-5678,no,hanako,h@mail.example,yes,$2b$04$abc/.,山田 花子,jp,\
            ja_JP,2024-01-02T03:04:05Z,1,5,gold
            """)
        #expect(user.id == "6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        #expect(user.phoneNumber?.e164 == "+819012345678")
        #expect(user.phoneVerified == false)
        #expect(user.loginName == "hanako")
        #expect(user.email == "h@mail.example")
        #expect(user.emailVerified)
        #expect(user.passwordHash == "$2b$04$abc/.")
        #expect(user.displayName == "山田 花子")
        #expect(user.country == "JP")
        #expect(user.locale == "ja-JP")
        #expect(user.createdAt == Timestamp(seconds: 1_704_164_645))
        #expect(user.disabled)
        #expect(user.properties == [.init(name: "coins", json: "5"), .init(name: "rank", json: "\"gold\"")])
    }

    static let numbers: [(written: String, row: String, country: String?, e164: String)] = [
        ("+819012345678", "", nil, "+819012345678"), ("+81 90-1234-5678", "", nil, "+819012345678"),
        ("+8109012345678", "", nil, "+819012345678"), ("＋８１９０１２３４５６７８", "", nil, "+819012345678"),
        (" +81 (0)90 1234 5678 ", "", nil, "+819012345678"), ("+1 201-555-0123", "JP", nil, "+12015550123"),
        ("090-1234-5678", "JP", nil, "+819012345678"), ("09012345678", "jp", nil, "+819012345678"),
        ("09012345678", "", "JP", "+819012345678"), ("09012345678", "", "jp", "+819012345678"),
        ("(201) 555-0123", "US", "JP", "+12015550123"), ("010 12025550123", "", "JP", "+12025550123"),
    ]

    @Test(arguments: numbers)
    func `a number has one spelling however it was written`(
        _ number: (written: String, row: String, country: String?, e164: String)
    ) throws {
        let text = "phone_number,country\n\(number.written),\(number.row)\n"
        #expect(try user(text, country: number.country).phoneNumber?.e164 == number.e164)
        // The country may stand before the number as well as behind it.
        let turned = "country,phone_number\n\(number.row),\(number.written)\n"
        #expect(try user(turned, country: number.country).phoneNumber?.e164 == number.e164)
    }

    static let badNumbers: [(written: String, row: String, country: String?, reason: String)] = [
        ("09012345678", "", nil, "in national form, and neither the row nor the command names a country"),
        ("nonsense", "", "JP", "not readable as a telephone number"),
        ("+81 90 1234 5678 ext. 9", "", nil, "not readable as a telephone number"),
        ("tel:+819012345678", "", nil, "not readable as a telephone number"),
        ("+819012345678+819012345679", "", nil, "not readable as a telephone number"),
        ("+8190123", "", nil, "no numbering plan has such a number"),
        ("+999123456789", "", nil, "no numbering plan has such a number"),
        ("12", "JP", nil, "no numbering plan has such a number"),
        (String(repeating: "9", count: 100), "JP", nil, "not readable as a telephone number"),
    ]

    @Test(arguments: badNumbers)
    func `what is not a number is refused`(
        _ number: (written: String, row: String, country: String?, reason: String)
    ) throws {
        let found = try records("phone_number,country\n\(number.written),\(number.row)\n", country: number.country)
        #expect(found.map(\.problems) == [["phone_number: \(number.reason)"]])
    }

    static let bad: [(column: String, value: String)] = [
        ("id", "6ba7b810-9dad-11d1-80b4-00c04fd430c"), ("id", "6ba7b8109dad11d180b400c04fd430c8"),
        ("id", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"), ("id", "6ba7b810-9dad-11d1-80b4-00c04fd430cg"),
        ("id", "6ba7b810-9dad-11d1-80b40-0c04fd430c8"), ("id", "me"),
        ("login_name", "two words"), ("login_name", "tab\tinside"), ("login_name", "ideographic\u{3000}space"),
        ("login_name", "nul\u{0}"), ("login_name", "escape\u{1B}[31m"), ("login_name", "c1\u{9B}31m"),
        ("login_name", String(repeating: "x", count: 256)), ("login_name", String(repeating: "電", count: 256)),
        ("email", "mail.example"), ("email", "@mail.example"), ("email", "hanako@"), ("email", "a@b@c"),
        ("email", "a b@mail.example"), ("email", "a\n@mail.example"),
        ("email", String(repeating: "x", count: 254) + "@y"),
        ("password_hash", "$2b$10$ abc"), ("password_hash", "pässword"), ("password_hash", "a\nb"),
        ("password_hash", String(repeating: "x", count: 1025)),
        ("display_name", "two\nlines"), ("display_name", "\u{1B}]0;title\u{7}"),
        ("display_name", String(repeating: "x", count: 1025)),
        ("country", "JPN"), ("country", "J"), ("country", "日本"), ("country", "1A"),
        ("locale", "j"), ("locale", "日本語"), ("locale", "ja-"), ("locale", "-ja"), ("locale", "ja JP"),
        ("locale", "ja_JP.UTF-8"), ("locale", "123"), ("locale", String(repeating: "ja-", count: 12) + "ja"),
        ("created_at", "yesterday"), ("created_at", "-1"), ("created_at", "1.5"), ("created_at", "2024-01-01"),
        ("created_at", "253402300800000"), ("created_at", "99999999999999999999999"),
        ("disabled", "maybe"), ("disabled", "2"), ("phone_verified", "?"), ("email_verified", "ja"),
    ]

    @Test(arguments: bad)
    func `a value that will not do is named by its field and never repeated`(_ column: String, _ value: String) throws {
        let found = try #require(try record(column, value))
        let problems = try #require(found.problems)
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("\(column): ") == true)
        #expect(problems.first?.contains(value) == false || value.utf8.count < 2)
    }

    static let good: [(column: String, value: String)] = [
        ("id", "00000000-0000-0000-0000-000000000000"), ("id", " 6ba7b810-9dad-11d1-80b4-00c04fd430c8 "),
        ("login_name", "花子"), ("login_name", "hanako@mail.example"), ("login_name", String(repeating: "電", count: 255)),
        ("email", "花子@メール.example"), ("email", "a+b.c@x"), ("display_name", " kept as it is "),
        ("password_hash", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"), ("locale", "zh-Hans-HK"),
        ("locale", "es-419"),
        ("disabled", "FALSE"), ("disabled", "t"), ("phone_verified", "N"), ("created_at", "0"),
        ("created_at", "253402300799999"), ("created_at", "99999999999"), ("created_at", "100000000000"),
    ]

    @Test(arguments: good)
    func `what may be unusual is taken`(_ column: String, _ value: String) throws {
        #expect(try record(column, value)?.problems == nil)
    }

    @Test func `Unix time is told from milliseconds by its size`() throws {
        let rows = "0 1700000000 99999999999 100000000000 1700000000123".split(separator: " ")
        let moments = try users("login_name,created_at\n" + rows.map { "x,\($0)\n" }.joined()).map(\.createdAt)
        let expected: [Int64] = [0, 1_700_000_000_000, 99_999_999_999_000, 100_000_000_000, 1_700_000_000_123]
        #expect(moments == expected.map { Timestamp(milliseconds: $0) })
    }

    @Test func `a record tells everything that is wrong with it at once`() throws {
        let found = try records("login_name,id,email,disabled\na b,x,y,z\n").first
        #expect(found?.problems?.map { $0.prefix { $0 != ":" } } == ["login_name", "id", "email", "disabled"])
    }

    @Test func `somebody without any way to sign in is refused`() throws {
        let found = try records("login_name,display_name,password_hash\n,Hanako,$2b$10$x\n").first
        #expect(found?.problems == ["one of phone_number, login_name and email is needed, or an id"])
    }

    @Test func `somebody without any way to sign in may have an id to be found by`() throws {
        let id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
        let user = try user("id,login_name,properties.level\n\(id),,9\n")
        #expect(user.id == id)
        #expect(user.loginName == nil)
    }

    @Test func `a user prints as nothing`() throws {
        let user = try user("login_name,password_hash,properties.a\nhanako,$2b$10$secret,confidential\n")
        var dumped = "\(user) \(user.properties)"
        dump(user, to: &dumped)
        dump(user.properties, to: &dumped)
        #expect(!dumped.contains("hanako") && !dumped.contains("secret") && !dumped.contains("confidential"))
    }
}
