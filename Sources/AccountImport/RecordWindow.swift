/// Finds where a record ends, and may be asked again with more bytes without looking at the old ones twice.
protocol RecordScanner {
    /// Line breaks in the record so far, its own end included.
    var lineBreaks: Int { get }

    mutating func begin()

    /// The record's length with its line break, or nil when its end is not among `bytes[start...]` yet.
    mutating func scan(_ bytes: [UInt8], from start: Int) -> Int?

    /// There are no more bytes: the record ends here.
    mutating func finish(atLength length: Int)

    /// What was scanned so far is gone; only the end is still looked for.
    mutating func forget()
}

/// The part of a file that is in memory: the record being read and at most one chunk more.
struct RecordWindow: ~Copyable {
    /// Of one record with its line break, in bytes.
    static let recordLimit = 600 * 1024

    enum Cut: Equatable {
        case record(length: Int)
        case tooLong
        case none
    }

    private let source: any ByteSource
    private let chunkSize: Int
    private(set) var bytes: [UInt8] = []
    /// Index in `bytes` of the next record.
    private(set) var start = 0
    /// The same place in the file.
    private(set) var offset: Int64 = 0

    init(source: any ByteSource, chunkSize: Int) {
        self.source = source
        self.chunkSize = chunkSize
    }

    /// Bytes of the next record that are here, without reading more.
    var available: Int { bytes.count - start }

    /// False at the end of the file.
    mutating func fill() throws(UserFileError) -> Bool {
        let chunk = try source.read(atMost: chunkSize)
        guard !chunk.isEmpty else { return false }
        bytes.removeSubrange(..<start)
        start = 0
        bytes.append(contentsOf: chunk)
        return true
    }

    /// The first bytes of the next record: fewer only at the end of the file.
    mutating func peek(_ count: Int) throws(UserFileError) -> ArraySlice<UInt8> {
        while available < count { guard try fill() else { break } }
        return bytes[start...].prefix(count)
    }

    /// Looks for the next record and leaves it where it is.
    mutating func cut(_ scanner: inout some RecordScanner) throws(UserFileError) -> Cut {
        scanner.begin()
        while true {
            if let length = scanner.scan(bytes, from: start) {
                return length > Self.recordLimit ? .tooLong : .record(length: length)
            }
            if available > Self.recordLimit { return .tooLong }
            guard try fill() else {
                guard available > 0 else { return .none }
                scanner.finish(atLength: available)
                return .record(length: available)
            }
        }
    }

    mutating func drop(_ count: Int) {
        start += count
        offset += Int64(count)
    }

    /// Passes over a record that is too long, in the memory of one chunk.
    mutating func skipRecord(_ scanner: inout some RecordScanner) throws(UserFileError) {
        scanner.begin()
        scanner.forget()
        while true {
            if let length = scanner.scan(bytes, from: start) { return drop(length) }
            let length = available
            drop(length)
            guard try fill() else { return scanner.finish(atLength: 0) }
            scanner.forget()
        }
    }

    /// Goes to a place further on. A record must end right before it.
    mutating func advance(to target: Int64) throws(UserFileError) {
        guard target > offset else {
            if target == offset { return }
            throw .wrongPosition
        }
        let before = target - 1 - offset
        if before > Int64(available) {
            let skipped = before - Int64(available)
            drop(available)
            try source.skip(skipped)
            offset += skipped
        } else {
            drop(Int(before))
        }
        let around = try peek(2)
        // The last line of a file may do without its break.
        guard around.first == UInt8(ascii: "\n") || around.count == 1 else { throw .wrongPosition }
        drop(1)
    }
}
