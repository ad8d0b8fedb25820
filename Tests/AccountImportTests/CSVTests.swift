import AccountImport
import Testing

@Suite struct CSVTests {
    /// Cells of a column that keeps any text; the login name in front makes every row a user.
    private func notes(_ rows: String) throws -> [String] {
        try users("login_name,properties.note\n" + rows).map { $0.properties.first?.json ?? "" }
    }

    static let cells: [(cell: String, json: String)] = [
        ("plain", #""plain""#), ("two words", #""two words""#), (" kept ", #"" kept ""#),
        (#""quoted""#, #""quoted""#), (#""a,b""#, #""a,b""#), (#""a;b""#, #""a;b""#), ("a;b", #""a;b""#),
        (#""say ""hi""""#, #""say \"hi\"""#), (#""""""#, #""\"""#), (#""""#, ""), ("", ""),
        ("\"line\nbreak\"", #""line\nbreak""#), ("\"line\r\nbreak\"", #""line\r\nbreak""#),
        ("\"\n\"", #""\n""#), ("\"\r\"", #""\r""#), ("\"a\r\"", #""a\r""#),
        ("電話😀", #""電話😀""#), ("\"電,話\"", #""電,話""#), ("#no comment", ##""#no comment""##),
        (#"back\slash"#, #""back\\slash""#),
    ]

    @Test(arguments: cells, ["\n", "\r\n", ""])
    func `a cell is read as RFC 4180 writes it`(_ cell: (cell: String, json: String), _ ending: String) throws {
        #expect(try notes("x,\(cell.cell)\(ending)") == [cell.json])
        // In the middle of a file, where another record follows.
        guard !ending.isEmpty else { return }
        #expect(try notes("x,\(cell.cell)\(ending)y,z\(ending)") == [cell.json, #""z""#])
    }

    static let misquoted: [(row: String, problem: String)] = [
        (#"x,a"b"#, "a quote stands inside a value that is not quoted"),
        (#"x, "a""#, "a quote stands inside a value that is not quoted"),
        (#"x,"a"b"#, "something follows a closing quote"),
        (#"x,"a" "#, "something follows a closing quote"),
        (#""x" ,a"#, "something follows a closing quote"),
        ("x,\"a\"\rb", "something follows a closing quote"),
        ("x", "1 values where the header has 2 columns"),
        ("x,y,z", "3 values where the header has 2 columns"),
        ("x,y,", "3 values where the header has 2 columns"),
    ]

    @Test(arguments: misquoted)
    func `a record that is not CSV is one bad row`(_ row: String, _ problem: String) throws {
        let found = try records("login_name,properties.note\nbefore,1\n\(row)\nafter,2\n")
        #expect(found.map(\.line) == [2, 3, 4])
        #expect(found.map(\.problems) == [nil, [problem], nil])
        #expect(found.last?.user?.loginName == "after")
    }

    @Test func `a quote that is never closed takes the rest with it`() throws {
        let found = try records("login_name,properties.note\nx,\"a\ny,b\nz,c\n")
        #expect(found.map(\.problems) == [["a quote is not closed"]])
        #expect(found.map(\.line) == [2])
    }

    @Test(arguments: [",", ";", "\t"])
    func `the separator is the one that the header shows`(_ separator: String) throws {
        let rows = [
            ["login_name", "display_name", "properties.note"], ["hanako", #""a,b;c""#, "1"], ["taro", "", #""2""#],
        ]
        let text = rows.map { $0.joined(separator: separator) }.joined(separator: "\r\n")
        let found = try users(text)
        #expect(found.map(\.loginName) == ["hanako", "taro"])
        #expect(found.map { $0.properties.map(\.json) } == [["1"], ["2"]])
        #expect(found.first?.displayName == "a,b;c")
    }

    @Test func `one column needs no separator`() throws {
        #expect(
            try users("email\na@mail.example\nb@mail.example").map(\.email) == ["a@mail.example", "b@mail.example"])
    }

    @Test func `records that say nothing are passed over, and counted as lines`() throws {
        let found = try records("login_name,email\n\n\r\n,\n\"\",\"\"\nx,\n\n")
        #expect(found.map(\.line) == [6])
        #expect(found.map(\.user?.loginName) == ["x"])
    }

    @Test func `a value beyond the last column is not passed over`() throws {
        let found = try records("login_name,email\n,,hanako\n,,\n")
        #expect(found.map(\.problems) == Array(repeating: ["3 values where the header has 2 columns"], count: 2))
    }

    @Test func `lines are counted where a value holds some`() throws {
        let found = try records("login_name,properties.note\r\na,\"1\r\n2\r\n3\"\r\nb,\"\n\"\r\nc,d\r\n")
        #expect(found.map(\.line) == [2, 5, 7])
        #expect(found.map(\.next.line) == [5, 7, 8])
    }

    static let properties: [(cell: String, json: String)] = [
        ("5", "5"), ("-1.50", "-1.5"), ("true", "true"), ("null", "null"), (" 7 ", "7"), ("007", #""007""#),
        ("1e999", #""1e999""#), ("True", #""True""#), ("+5", #""+5""#), ("2024-01-01", #""2024-01-01""#),
        ("-", #""-""#),
        (#""{""a"": [1, 2]}""#, #"{"a":[1,2]}"#), (#""{""a"": 1""#, #""{\"a\": 1""#), (#""""text""""#, #""text""#),
        (#""{""a"":1,""a"":2}""#, #""{\"a\":1,\"a\":2}""#),
        ("9223372036854775807", "9223372036854775807"), ("12345678901234567890", "12345678901234567890"),
        ("-92233720368547758080", "-92233720368547758080"),
    ]

    @Test(arguments: properties)
    func `a property is JSON where it reads as JSON, and else text`(_ cell: String, _ json: String) throws {
        #expect(try notes("x,\(cell)\n") == [json])
    }

    @Test func `bytes that are not UTF-8 spoil one row and name the column`() throws {
        let bad: [[UInt8]] = [
            [0xFF], [0xC3], [0xC3, 0x28], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
        ]
        for sequence in bad {
            let text = Array("login_name,display_name\na,b\nc,".utf8) + sequence + Array("\ne,f\n".utf8)
            let found = try records(text)
            #expect(found.map(\.problems) == [nil, ["display_name: not UTF-8"], nil], "\(sequence)")
        }
    }
}
