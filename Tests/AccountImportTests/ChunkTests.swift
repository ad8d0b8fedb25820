import AccountImport
import Testing

/// How the bytes arrive, and where reading begins, must not change what is read.
@Suite(.timeLimit(.minutes(1))) struct ChunkTests {
    static let samples = [Sample.csv, Sample.jsonLines]

    @Test func `the samples hold what they should`() throws {
        let csv = try records(Sample.csv)
        #expect(csv.map(\.line) == [2, 6, 7, 8, 9, 10, 11, 13, 15])
        #expect(csv.map { $0.problems == nil } == [true, true, false, true, false, false, false, false, true])
        #expect(csv.first?.user?.properties.first?.json == #""a\nb,\r\nc""#)
        #expect(csv.last?.offset == Int64(Sample.csv.count))
        let json = try records(Sample.jsonLines)
        #expect(json.map(\.line) == [1, 2, 4, 5, 6, 7, 8, 9])
        #expect(json.map { $0.problems == nil } == [true, true, true, false, false, false, false, true])
    }

    @Test(arguments: samples)
    func `bytes that come one by one are read like bytes that come at once`(_ file: [UInt8]) throws {
        let whole = try records(file)
        for step in 1...64 { #expect(try records(file, step: step) == whole) }
    }

    @Test(arguments: samples)
    func `a file may come in two parts, cut anywhere`(_ file: [UInt8]) throws {
        let whole = try records(file)
        for cut in 1..<file.count {
            var reader = try UserFileReader(TwoParts(file, cut: cut))
            var found: [Record] = []
            while let record = try reader.next() { found.append(record) }
            #expect(found == whole, "cut at \(cut)")
        }
    }

    @Test(arguments: samples, [1, 7, .max])
    func `reading on from any record gives the same rest`(_ file: [UInt8], _ step: Int) throws {
        let whole = try records(file)
        #expect(try records(file, from: .init(offset: 0, line: 1), step: step) == whole)
        for (index, record) in whole.enumerated() {
            #expect(try records(file, from: record.next, step: step) == Array(whole[(index + 1)...]))
        }
    }

    @Test(arguments: samples)
    func `records end where the next ones begin, and the last at the end`(_ file: [UInt8]) throws {
        let offsets = try records(file).map(\.offset)
        #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count)
        #expect(offsets.last == Int64(file.count))
        for offset in offsets.dropLast() { #expect(file[Int(offset) - 1] == UInt8(ascii: "\n")) }
    }

    @Test(arguments: samples)
    func `a place that no line ends at is refused`(_ file: [UInt8]) throws {
        for offset in 1..<file.count where file[offset - 1] != UInt8(ascii: "\n") {
            #expect(throws: UserFileError.wrongPosition) {
                try records(file, from: .init(offset: Int64(offset), line: 2))
            }
        }
        for offset in [file.count + 1, file.count + 1_000_000] {
            #expect(throws: UserFileError.wrongPosition) {
                try records(file, from: .init(offset: Int64(offset), line: 2))
            }
        }
    }

    @Test(arguments: samples)
    func `a file cut short anywhere is read without harm, up to the cut`(_ file: [UInt8]) throws {
        let whole = try records(file)
        for length in 0..<file.count {
            let cut = try? records(Array(file.prefix(length)))
            let complete = whole.filter { $0.offset <= Int64(length) && $0.offset < Int64(file.count) }
            #expect(cut.map { Array($0.prefix(complete.count)) == complete } ?? complete.isEmpty, "\(length)")
        }
    }
}

/// A file whose first read ends at `cut`.
private final class TwoParts: ByteSource {
    private var parts: [[UInt8]]
    let size: Int64? = nil

    init(_ bytes: [UInt8], cut: Int) { parts = [Array(bytes[..<cut]), Array(bytes[cut...])] }

    func read(atMost count: Int) -> [UInt8] { parts.isEmpty ? [] : parts.removeFirst() }
    func skip(_ count: Int64) { parts = [Array(parts.joined().dropFirst(Int(count)))] }
}
