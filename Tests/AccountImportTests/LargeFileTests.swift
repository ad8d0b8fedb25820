import AccountImport
import Testing

@Suite(.timeLimit(.minutes(1))) struct LargeFileTests {
    static let limit = 600 * 1024
    static let tooLong = ["longer than 600 KB; a quote that is not closed may be the cause"]

    /// A CSV row of exactly so many bytes with its line break, in quotes with breaks inside.
    private static func row(_ length: Int) -> [UInt8] {
        let frame = "x,\"\n\"\n".utf8.count
        return Array("x,\"\n".utf8) + Array(repeating: UInt8(ascii: "a"), count: length - frame) + Array("\"\n".utf8)
    }

    @Test(arguments: [4096, 1 << 18, .max])
    func `a record longer than the limit is one bad row, wherever the chunks end`(_ step: Int) throws {
        let header = Array("login_name,properties.note\n".utf8)
        let large = [Self.row(Self.limit), Self.row(Self.limit + 1), Self.row(2_000_000), Array("y,z\n".utf8)]
        let found = try records(header + large.joined(), step: step)
        // The first is as long as a record may be, and too large for its properties.
        #expect(
            found.map(\.problems) == [["properties: larger than 500 KB together"], Self.tooLong, Self.tooLong, nil])
        #expect(found.map(\.line) == [2, 4, 6, 8])
        #expect(found.last?.user?.loginName == "y")
    }

    @Test func `so is a line of JSON`() throws {
        let line = "{\"login_name\":\"" + String(repeating: "x", count: 1_000_000) + "\"}\n"
        let found = try records("{\"login_name\":\"a\"}\n" + line + "{\"login_name\":\"b\"}\n")
        #expect(found.map(\.problems) == [nil, Self.tooLong, nil])
    }

    @Test func `properties may have 500 KB together`() throws {
        func file(_ length: Int) -> String {
            "{\"login_name\":\"x\",\"properties\":{\"a\":\"" + String(repeating: "x", count: length) + "\"}}"
        }
        // One byte is the name's, and two are quotes.
        #expect(try records(file(500 * 1024 - 3)).map(\.problems) == [nil])
        #expect(try records(file(500 * 1024 - 2)).map(\.problems) == [["properties: larger than 500 KB together"]])
    }

    @Test func `a quote that is not closed in a large file is found without holding it all`() throws {
        let rest = String(repeating: "hanako,1\n", count: 200_000)
        let found = try records("login_name,properties.note\nx,\"1\n" + rest)
        #expect(found.map(\.problems) == [Self.tooLong])
        #expect(found.map(\.line) == [2])
    }

    @Test func `a record of nothing but separators is counted and not kept`() throws {
        let found = try records("login_name,email\n" + String(repeating: ",", count: 500_000) + "\nx,\n")
        #expect(found.map(\.problems) == [["500001 values where the header has 2 columns"], nil])
    }

    @Test func `no more is asked for than one chunk at a time`() throws {
        let source = MemorySource(
            Array("login_name\n".utf8) + Array(String(repeating: "hanako\n", count: 300_000).utf8))
        var reader = try UserFileReader(source)
        var count = 0
        while try reader.next() != nil { count += 1 }
        #expect(count == 300_000)
        #expect(source.largestRead == 1 << 18)
    }
}
