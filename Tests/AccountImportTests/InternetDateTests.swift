import AccountImport
import Testing
import Time

@Suite struct InternetDateTests {
    private func moment(_ text: String) throws -> Timestamp? {
        try records("login_name,created_at\nx,\(text)\n").first?.user?.createdAt
    }

    static let read: [(text: String, milliseconds: Int64)] = [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T09:00:00+09:00", 0), ("1969-12-31T16:00:00-08:00", 0),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000), ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("2024-01-02 03:04:05Z", 1_704_164_645_000), ("2024-01-02t03:04:05z", 1_704_164_645_000),
        ("2024-01-02T03:04:05.6Z", 1_704_164_645_600), ("2024-01-02T03:04:05.67Z", 1_704_164_645_670),
        ("2024-01-02T03:04:05.678999Z", 1_704_164_645_678), ("2024-01-02T03:04:05.678+00:00", 1_704_164_645_678),
        ("2024-01-02T03:04:05-00:00", 1_704_164_645_000), ("2024-01-02T08:49:05+05:45", 1_704_164_645_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ]

    @Test(arguments: read)
    func `RFC 3339 is read to the millisecond`(_ text: String, _ milliseconds: Int64) throws {
        #expect(try moment(text) == Timestamp(milliseconds: milliseconds))
    }

    static let refused = [
        "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z", "2024-01-01T00:00:00", "2024-01-01T00:00Z", "2024-01-01T00:00:00.Z",
        "2024-1-1T00:00:00Z",
        "2024-01-01T00:00:00+0900", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+09:60", "2024-01-01T00:00:00ZZ",
        "2024-01-01T00:00:00 Z", "20240101T000000Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:60Z",
        "٢٠٢٤-01-01T00:00:00Z",
        "2024-01-01T00:00:00+", "2024-01-01T", "-024-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
    ]

    @Test(arguments: refused)
    func `a date that is not one is refused`(_ text: String) throws {
        #expect(try moment(text) == nil)
    }

    @Test func `every day from 1970 on is read as it is written`() throws {
        let days = stride(from: Int64(0), to: 60_000, by: 1)
        let written = days.map { "x,\(Timestamp(seconds: $0 * 86_400 + 86_399).internetDate)\n" }.joined()
        let moments = try users("login_name,created_at\n" + written).map(\.createdAt)
        #expect(moments == days.map { Timestamp(seconds: $0 * 86_400 + 86_399) })
    }
}
