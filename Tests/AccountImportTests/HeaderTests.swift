import AccountImport
import Testing

@Suite struct HeaderTests {
    static let refused: [(file: String, error: UserFileError)] = [
        ("", .empty), ("\u{FEFF}", .empty),
        ("login_name,colour,email,Shoe size\n", .unknownColumns(["colour", "Shoe size"])),
        ("login_name;colour\n", .unknownColumns(["colour"])),
        ("login_name,\n", .unknownColumns(["number 2"])),
        ("login_name,properties.\n", .unknownColumns(["properties."])),
        ("login_name,properties._id\n", .unknownColumns(["properties._id"])),
        ("login_name,\"a\nb\"\n", .unknownColumns(["number 2"])),
        ("login_name,\(String(repeating: "x", count: 65))\n", .unknownColumns(["number 2"])),
        (
            "login_name,username,email,phone,phone_number\n",
            .repeatedColumns(["login_name", "username", "phone", "phone_number"])
        ),
        ("login_name,properties.a,properties.a\n", .repeatedColumns(["properties.a", "properties.a"])),
        ("id,display_name\n", .noIdentifier), ("properties.a\n", .noIdentifier), ("password_hash\n", .noIdentifier),
        ("+819012345678,hanako@mail.example\n", .noHeader), ("\n", .noHeader), ("a,b\n", .noHeader),
        ("\"login_name\n", .malformedHeader), ("\"login_name\"x,email\n", .malformedHeader),
        ("login_name,email\rhanako,hanako@mail.example\rtaro,taro@mail.example\r", .malformedHeader),
        ("[{\"login_name\":\"x\"}]", .arrayOfObjects), (" \n [\n", .arrayOfObjects),
    ]

    @Test(arguments: refused)
    func `a file that cannot be meant is refused before its first record`(_ file: String, _ error: UserFileError) {
        #expect(throws: error) { try records(file) }
    }

    @Test func `what a strange first line holds is not repeated`() {
        let secret = "hanako@mail.example"
        for file in ["\(secret),b\n", "login_name,\(secret)\n", "login_name,email\r\(secret)\r", "\(secret)"] {
            let error = #expect(throws: UserFileError.self) { try records(file) }
            #expect(error?.description.contains("hanako") == false)
        }
    }

    @Test func `every refusal says something`() {
        let all: [UserFileError] = [
            .unreadable, .empty, .notUTF8, .arrayOfObjects, .noHeader, .headerTooLong, .malformedHeader, .noIdentifier,
            .unknownColumns(["colour"]), .repeatedColumns(["phone"]), .badCountry, .wrongPosition,
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect(UserFileError.unknownColumns(["colour"]).description.contains("colour"))
        #expect(UserFileError.unknownColumns(["colour"]).description.contains("phone_number"))
    }

    static let names: [(names: [String], field: String)] = [
        (["id", "ID"], "id"), (["phone_number", "phone", "phoneNumber", "Phone_Number"], "phone_number"),
        (["login_name", "username", "loginName", "user_name", "LOGINNAME"], "login_name"),
        (["email", "emailAddress", "email_address", "Email"], "email"),
        (["display_name", "displayName", "name", "Name"], "display_name"),
        (["password_hash", "passwordHash"], "password_hash"), (["country"], "country"), (["locale"], "locale"),
        (["created_at", "createdAt"], "created_at"), (["disabled"], "disabled"),
        (["phone_verified", "phoneVerified"], "phone_verified"),
        (["email_verified", "emailVerified"], "email_verified"),
    ]

    /// A value that no field takes tells by its problem which field the name means.
    @Test(arguments: names)
    func `a field goes by every one of its names`(_ names: [String], _ field: String) throws {
        for name in names {
            let other = field == "login_name" ? "email,\(name)\na@mail.example" : "login_name,\(name)\na"
            let bad = field == "display_name" ? "\"\n\"" : "\u{7F} ?"
            let problems = try #require(try records("\(other),\(bad)\n").first?.problems)
            #expect(problems.count == 1 && problems.allSatisfy { $0.hasPrefix("\(field): ") }, "\(name): \(problems)")
        }
    }

    @Test func `spaces around names and a byte order mark do not count`() throws {
        let user = try user("\u{FEFF} login_name , email\t\nhanako,hanako@mail.example\n")
        #expect(user.loginName == "hanako")
        #expect(user.email == "hanako@mail.example")
    }

    @Test(arguments: [[0xFF, 0xFE], [0xFE, 0xFF]] as [[UInt8]])
    func `UTF-16 is named as what it is`(_ mark: [UInt8]) {
        #expect(throws: UserFileError.notUTF8) { try records(mark + [0x69, 0x00, 0x64, 0x00]) }
    }

    @Test func `a first line without end is no header`() {
        let line = Array(repeating: UInt8(ascii: "x"), count: 601 * 1024)
        #expect(throws: UserFileError.headerTooLong) { try records(line) }
    }

    @Test(arguments: ["J", "JPN", "81", "J1", ""])
    func `a default country is two letters`(_ country: String) {
        #expect(throws: UserFileError.badCountry) { try records("login_name\nx\n", country: country) }
    }

    static let fileNames: [(name: String, format: UserFileFormat?)] = [
        ("users.csv", .csv), ("USERS.CSV", .csv), ("users.tsv", .csv), ("a.b/users.jsonl", .jsonLines),
        ("users.ndjson", .jsonLines), ("users.json", nil), ("users", nil), ("csv", nil), ("-", nil),
    ]

    @Test(arguments: fileNames)
    func `a file's name tells its format, or nothing does`(_ name: String, _ format: UserFileFormat?) {
        #expect(UserFileFormat(fileName: name) == format)
    }

    @Test func `the first byte tells the format where the name does not`() throws {
        #expect(try UserFileReader(MemorySource(Array("\u{FEFF} \n{\"login_name\":\"x\"}".utf8))).format == .jsonLines)
        #expect(try UserFileReader(MemorySource(Array("login_name\nx".utf8))).format == .csv)
        #expect(throws: UserFileError.malformedHeader) {
            try records(Array("{\"login_name\":\"x\"}".utf8), format: .csv)
        }
        #expect(try records(Array("login_name\nx".utf8), format: .jsonLines).allSatisfy { $0.problems != nil })
    }
}
