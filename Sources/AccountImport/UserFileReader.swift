/// Reads users one by one from CSV or JSON lines, in the memory of one record and one chunk.
///
/// A bad record is a result like any other, and the next one is read. Reading waits for the source, so it is for
/// commands and not for a server's requests.
package struct UserFileReader: ~Copyable {
    /// A place between two records.
    package struct Position: Sendable, Hashable {
        /// Bytes from the start of the file.
        package let offset: Int64
        /// Of the record that begins here, counted from 1 by line breaks.
        package let line: Int

        package init(offset: Int64, line: Int) {
            self.offset = offset
            self.line = line
        }
    }

    package struct Record: Sendable, Equatable {
        /// The line it begins in, counted from 1.
        package let line: Int
        /// Where to go on from once this record is dealt with.
        package let next: Position
        package let result: Result<ImportedUser, UserRecordProblems>

        /// Bytes from the start of the file to behind this record.
        package var offset: Int64 { next.offset }
    }

    package let format: UserFileFormat
    /// Bytes of the whole file, if it is one: with a record's offset, how far the work is.
    package let size: Int64?

    private var window: RecordWindow
    private let columns: [UserColumn]
    private var csv: CSVScanner
    private var lines = LineScanner()
    /// Of the next record.
    private var line: Int
    private let country: String?

    /// Reads as far as the first record.
    ///
    /// - Parameters:
    ///   - format: nil to go by the first byte: `{` begins JSON lines.
    ///   - country: two letters; national numbers are numbers of that country where a row names no country.
    ///   - position: of an earlier `Record.next`; nil or offset 0 for the beginning. The header of CSV is read all
    ///     the same.
    ///   - chunkSize: bytes to read at a time.
    /// - Throws: what makes the whole file unreadable, before anything of it is a record.
    package init(
        _ source: any ByteSource, format: UserFileFormat? = nil, country: String? = nil, from position: Position? = nil,
        chunkSize: Int = 1 << 18
    ) throws(UserFileError) {
        let country = try Self.checked(country)
        var window = RecordWindow(source: source, chunkSize: chunkSize)
        try Self.skipByteOrderMark(&window)
        let format = try Self.format(format, &window)
        let header = format == .csv ? try CSVHeader(reading: &window) : nil
        if let position, position.offset > 0 { try window.advance(to: position.offset) }

        self.format = format
        self.country = country
        self.window = window
        size = source.size
        columns = header?.columns ?? []
        csv = CSVScanner(separator: header?.separator ?? 0, fieldLimit: columns.count)
        let isBeginning = position?.offset ?? 0 == 0
        line = isBeginning ? (header == nil ? 1 : 2) : position?.line ?? 1
    }

    /// The next record; nil at the end of the file. Records that say nothing, such as empty lines, are passed over.
    package mutating func next() throws(UserFileError) -> Record? {
        while true {
            let begin = line
            let result: Result<ImportedUser, UserRecordProblems>?
            switch format == .csv ? try window.cut(&csv) : try window.cut(&lines) {
            case .none: return nil
            case .record(let length):
                result = read(length)
                window.drop(length)
            case .tooLong:
                result = .failure(UserRecordProblems([Self.tooLong]))
                if format == .csv { try window.skipRecord(&csv) } else { try window.skipRecord(&lines) }
            }
            line += format == .csv ? csv.lineBreaks : lines.lineBreaks
            guard let result else { continue }
            return Record(line: begin, next: Position(offset: window.offset, line: line), result: result)
        }
    }

    private func read(_ length: Int) -> Result<ImportedUser, UserRecordProblems>? {
        switch format {
        case .csv:
            return UserRow.result(of: csv, in: window.bytes, from: window.start, columns: columns, country: country)
        case .jsonLines:
            let end = window.start + length - lines.lineBreaks
            return UserRow.result(of: window.bytes[window.start..<end], country: country)
        }
    }

    private static let tooLong = "longer than 600 KB; a quote that is not closed may be the cause"
}

extension UserFileReader {
    private static func checked(_ country: String?) throws(UserFileError) -> String? {
        guard let country else { return nil }
        guard let checked = UserText.country(country) else { throw .badCountry }
        return checked
    }

    private static func skipByteOrderMark(_ window: inout RecordWindow) throws(UserFileError) {
        let first = try window.peek(3)
        if first.starts(with: [0xEF, 0xBB, 0xBF]) { window.drop(3) }
        if first.starts(with: [0xFF, 0xFE]) || first.starts(with: [0xFE, 0xFF]) { throw .notUTF8 }
    }

    private static func format(
        _ format: UserFileFormat?, _ window: inout RecordWindow
    ) throws(UserFileError) -> UserFileFormat {
        guard let first = try firstByte(&window) else { throw .empty }
        let found = format ?? (first == UInt8(ascii: "{") ? .jsonLines : .csv)
        if first == UInt8(ascii: "["), format != .csv { throw .arrayOfObjects }
        return found
    }

    /// The first one that is not white space, if there is one soon.
    private static func firstByte(_ window: inout RecordWindow) throws(UserFileError) -> UInt8? {
        let bytes = try window.peek(256)
        return bytes.first { $0 > 0x20 } ?? bytes.first
    }
}
