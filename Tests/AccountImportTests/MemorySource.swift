import AccountImport
import Testing

/// A file in memory that gives at most `step` bytes at a time, whatever it is asked for.
final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private let step: Int
    private var position = 0
    /// The most bytes that anybody asked for at once.
    private(set) var largestRead = 0

    var size: Int64? { Int64(bytes.count) }

    init(_ bytes: [UInt8], step: Int = .max) {
        self.bytes = bytes
        self.step = step
    }

    func read(atMost count: Int) -> [UInt8] {
        largestRead = max(largestRead, count)
        let part = bytes[position...].prefix(min(count, step))
        position += part.count
        return Array(part)
    }

    func skip(_ count: Int64) { position = min(bytes.count, position + Int(count)) }
}

typealias Record = UserFileReader.Record

func records(
    _ bytes: [UInt8], format: UserFileFormat? = nil, country: String? = nil,
    from position: UserFileReader.Position? = nil,
    step: Int = .max
) throws(UserFileError) -> [Record] {
    var reader = try UserFileReader(MemorySource(bytes, step: step), format: format, country: country, from: position)
    var records: [Record] = []
    while let record = try reader.next() { records.append(record) }
    return records
}

func records(_ text: String, country: String? = nil) throws(UserFileError) -> [Record] {
    try records(Array(text.utf8), country: country)
}

/// The users of a file in which nothing is wrong.
func users(_ text: String, country: String? = nil) throws -> [ImportedUser] {
    try records(text, country: country).map { try $0.result.get() }
}

/// The user of a file with one record.
func user(_ text: String, country: String? = nil) throws -> ImportedUser {
    let users = try users(text, country: country)
    #expect(users.count == 1)
    return try #require(users.first)
}

extension Record {
    /// What is wrong with it; nil when nothing is.
    var problems: [String]? {
        if case .failure(let problems) = result { problems.texts } else { nil }
    }

    var user: ImportedUser? { try? result.get() }
}

/// A file with every feature of its format, good rows and bad ones.
enum Sample {
    static let csv = Array(
        """
        \u{FEFF}id,phone_number,login_name,"display_name",properties.note,created_at\r
        6BA7B810-9DAD-11D1-80B4-00C04FD430C8,+81 90-1234-5678,hanako,"山田 ""Hana"" 花子","a
        b,\r
        c",2024-02-29T23:59:60+09:00\r

        ,,taro,"",,\r
        ,nonsense,jiro,,,never
        "",+819011112222,,",","{""a"":[1]}",1700000000
        ,,a"b,,,\r
        ,,"a"b,c,,
        ,,short
        ,,,,,
        ,,電話,"\r\n",x,
        ,,last,"ends without a line break",9,1700000000123
        """.utf8)

    static let jsonLines = Array(
        """
        {"login_name":"hanako","phone":"+819012345678","properties":{"a":{"b":[1,2,null]},"電":"話\\n"}}\r
        {"username":"taro","disabled":true,"created_at":1700000000}

          {"email":"jiro@mail.example","email_verified":true,"displayName":"\\ud83d\\ude00"}
        {"login_name":
        ["login_name"]
        {"login_name":"x","login_name":"y"}
        {"login_name":"saburo","colour":"red"}
        {"login_name":"last"}
        """.utf8)
}
