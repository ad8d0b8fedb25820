/// Finds lines in the text of a client file; the parsed values do not know where they stood.
///
/// Only for text that parsed: nothing is checked here.
struct ClientFileLines {
    private let bytes: [UInt8]
    /// Where each entry of `clients` is best looked for: its own `client_id`, else its beginning.
    private let entries: [Int]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var scan = Scan()
        for offset in bytes.indices { scan.take(bytes[offset], at: offset, of: bytes) }
        entries = scan.entries
    }

    func line(atOffset offset: Int) -> Int { 1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") } }

    func line(ofClient index: Int) -> Int { entries.indices.contains(index) ? line(atOffset: entries[index]) : 1 }

    /// Follows strings and nesting: the root is at depth 1, `clients` at 2, its entries' members at 3.
    private struct Scan {
        var entries: [Int] = []
        private var depth = 0
        private var stringStart: Int?
        private var isEscaped = false
        private var lastString: Range<Int> = 0..<0
        private var rootMember: [UInt8] = []

        mutating func take(_ byte: UInt8, at offset: Int, of bytes: [UInt8]) {
            if let start = stringStart {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    stringStart = nil
                    lastString = start..<offset
                }
                return
            }
            switch byte {
            case UInt8(ascii: "\""): stringStart = offset + 1
            case UInt8(ascii: ":"): member(bytes[lastString])
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth == 3, isInClients { entries.append(offset) }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }

        private var isInClients: Bool { rootMember.elementsEqual("clients".utf8) }

        private mutating func member(_ name: ArraySlice<UInt8>) {
            if depth == 1 { rootMember = Array(name) }
            guard depth == 3, isInClients, name.elementsEqual("client_id".utf8) else { return }
            entries[entries.count - 1] = lastString.lowerBound
        }
    }
}
