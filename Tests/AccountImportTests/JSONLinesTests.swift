import AccountImport
import PhoneNumbers
import Testing
import Time

@Suite struct JSONLinesTests {
    @Test func `every field arrives`() throws {
        let user = try user(
            #"""
            {"id":"6BA7B810-9DAD-11D1-80B4-00C04FD430C8","phoneNumber":"090-1234-5678","phone_verified":false,"username":"hanako",\#
            "emailAddress":"h@mail.example","email_verified":true,"password_hash":"$2b$04$abc/.",\#
            "name":"山田 花子","country":"JP","locale":"ja","created_at":1700000000123,"disabled":true,\#
            "properties":{"coins":5,"bag":{"a":[1,null]}},"properties.rank":"gold"}
            """#)
        #expect(user.id == "6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        #expect(user.phoneNumber?.e164 == "+819012345678")
        #expect(user.phoneVerified == false)
        #expect(user.loginName == "hanako")
        #expect(user.email == "h@mail.example")
        #expect(user.emailVerified)
        #expect(user.passwordHash == "$2b$04$abc/.")
        #expect(user.displayName == "山田 花子")
        #expect(user.country == "JP")
        #expect(user.locale == "ja")
        #expect(user.createdAt == Timestamp(milliseconds: 1_700_000_000_123))
        #expect(user.disabled)
        #expect(
            user.properties == [
                .init(name: "coins", json: "5"), .init(name: "bag", json: #"{"a":[1,null]}"#),
                .init(name: "rank", json: #""gold""#),
            ])
    }

    @Test func `null and empty are absent`() throws {
        let user = try user(
            #"{"login_name":"x","email":null,"phone":"","display_name":null,"disabled":null,"properties":null}"#)
        var expected = ImportedUser()
        expected.loginName = "x"
        #expect(user == expected)
    }

    @Test func `a property may be null, false or empty`() throws {
        let user = try user(#"{"login_name":"x","properties":{"a":null,"b":false,"c":"","d":{}}}"#)
        #expect(user.properties.map(\.json) == ["null", "false", #""""#, "{}"])
    }

    static let refused: [(line: String, problems: [String])] = [
        (#"{"login_name":"x"#, ["not JSON: the text ends too early, at byte 17 of the line"]),
        (#"{"login_name":"x"}{}"#, ["not JSON: something follows the value, at byte 19 of the line"]),
        (#"{"login_name":"x",}"#, ["not JSON: a character that cannot stand here, at byte 19 of the line"]),
        (#"{"login_name":"x","login_name":"y"}"#, ["not JSON: a member name is there twice, at byte 19 of the line"]),
        (#"["x"]"#, ["not a JSON object"]), (#""x""#, ["not a JSON object"]), ("5", ["not a JSON object"]),
        (#"{}"#, ["one of phone_number, login_name and email is needed, or an id"]),
        (#"{"login_name":5}"#, ["login_name: must be text"]),
        (#"{"phone":819012345678}"#, ["phone_number: must be text"]),
        (#"{"login_name":["x"]}"#, ["login_name: must be text"]),
        (#"{"login_name":true}"#, ["login_name: must be text"]),
        (#"{"login_name":"x","disabled":"yes"}"#, ["disabled: neither true nor false"]),
        (#"{"login_name":"x","phone_verified":1}"#, ["phone_verified: neither true nor false"]),
        (#"{"login_name":"x","username":"y"}"#, ["login_name: there twice"]),
        (#"{"login_name":"x","colour":"red"}"#, ["colour: not a field of users"]),
        (#"{"login_name":"x","":"red"}"#, ["a member: not a field of users"]),
        (#"{"login_name":"x","two words":"red"}"#, ["a member: not a field of users"]),
        (#"{"login_name":"x","properties":[]}"#, ["properties: must be an object"]),
        (#"{"login_name":"x","properties":{"a":1},"properties.a":2}"#, ["properties: a name is there twice"]),
        (
            #"{"login_name":"x","properties":{"_id":1}}"#,
            ["properties: a name is empty, longer than 128 bytes, or begins with _, which is the server's"]
        ),
        (
            #"{"login_name":"x","created_at":1.5}"#,
            ["created_at: neither RFC 3339 with an offset nor whole Unix seconds or milliseconds from 1970 to 9999"]
        ),
        (
            #"{"login_name":"x","created_at":-1}"#,
            ["created_at: neither RFC 3339 with an offset nor whole Unix seconds or milliseconds from 1970 to 9999"]
        ),
    ]

    @Test(arguments: refused)
    func `a line that will not do is one bad row`(_ line: String, _ problems: [String]) throws {
        let found = try records("{\"login_name\":\"before\"}\n\(line)\n{\"login_name\":\"after\"}")
        #expect(found.map(\.line) == [1, 2, 3])
        #expect(found.map(\.problems) == [nil, problems, nil])
    }

    @Test func `bytes that are not UTF-8 spoil one line`() throws {
        let text = Array("{\"login_name\":\"a".utf8) + [0xFF] + Array("\"}\n{\"login_name\":\"b\"}\n".utf8)
        let found = try records(text)
        #expect(found.map { $0.problems == nil } == [false, true])
        #expect(found.first?.problems?.first?.hasPrefix("not JSON: not UTF-8") == true)
    }

    @Test func `a record of bad properties tells of the first ones only`() throws {
        let many = (0..<5000).map { "\"_\($0)\":0" }.joined(separator: ",")
        let found = try records("{\"login_name\":\"x\",\"properties\":{\(many)}}").first
        #expect(found?.problems?.count == 20)
    }
}
