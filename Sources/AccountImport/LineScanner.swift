/// Records that are lines: JSON Lines, where a line break inside a value is always escaped.
struct LineScanner: RecordScanner {
    private(set) var lineBreaks = 0
    private var position = 0

    mutating func begin() {
        lineBreaks = 0
        position = 0
    }

    mutating func scan(_ bytes: [UInt8], from start: Int) -> Int? {
        guard let end = bytes[(start + position)...].firstIndex(of: UInt8(ascii: "\n")) else {
            position = bytes.count - start
            return nil
        }
        lineBreaks = 1
        return end + 1 - start
    }

    mutating func finish(atLength length: Int) {}

    mutating func forget() { position = 0 }
}
