/// Cuts records of RFC 4180 into their fields, in one pass over the bytes.
///
/// A quote out of place spoils its record and nothing more: the record ends at the next line break as if the
/// quote were a letter. A quote that is never closed takes everything up to the end with it, since nobody can
/// know where it should have been.
struct CSVScanner: RecordScanner {
    /// Where a field's text is, relative to its record and without its quotes.
    struct Field: Equatable {
        var start: Int
        var end: Int
        /// Quotes are still doubled in the text.
        var hasDoubledQuotes = false
    }

    enum Fault: String, Equatable {
        case quoteInside = "a quote stands inside a value that is not quoted"
        case textAfterQuote = "something follows a closing quote"
        case unclosedQuote = "a quote is not closed"
    }

    private enum State {
        case fieldStart, plain, quoted
        /// Behind a quote in a quoted field: the end, or the first of two.
        case quoteSeen
        /// Behind that quote and a CR.
        case returnSeen
    }

    let separator: UInt8
    /// Fields beyond it are counted and not kept: a record of commas would take forty times its size.
    let fieldLimit: Int

    private(set) var fields: [Field] = []
    private(set) var fieldCount = 0
    private(set) var fault: Fault?
    private(set) var lineBreaks = 0
    /// No byte of the record is above 127, so nothing has to be validated.
    var isASCII: Bool { bits < 0x80 }

    private var state = State.fieldStart
    private var field = Field(start: 0, end: 0)
    private var position = 0
    private var bits: UInt8 = 0
    private var isForgetting = false

    init(separator: UInt8, fieldLimit: Int) {
        self.separator = separator
        self.fieldLimit = fieldLimit
    }

    mutating func begin() {
        fields.removeAll(keepingCapacity: true)
        fieldCount = 0
        fault = nil
        lineBreaks = 0
        state = .fieldStart
        field = Field(start: 0, end: 0)
        position = 0
        bits = 0
        isForgetting = false
    }

    mutating func forget() {
        position = 0
        isForgetting = true
    }

    mutating func scan(_ bytes: [UInt8], from start: Int) -> Int? {
        let end = bytes.count - start
        while position < end {
            let byte = bytes[start + position]
            bits |= byte
            position += 1
            switch state {
            case .fieldStart:
                field = Field(start: position - 1, end: position - 1)
                if byte == UInt8(ascii: "\"") {
                    field.start = position
                    state = .quoted
                } else {
                    state = .plain
                    if isEnd(byte, inPlain: bytes, from: start) { return position }
                }
            case .plain:
                if isEnd(byte, inPlain: bytes, from: start) { return position }
                if byte == UInt8(ascii: "\"") { fault = fault ?? .quoteInside }
            case .quoted:
                if byte == UInt8(ascii: "\"") { state = .quoteSeen } else if byte == Self.lineFeed { lineBreaks += 1 }
            case .quoteSeen:
                if isEnd(behindQuote: byte) { return position }
            case .returnSeen:
                if byte == Self.lineFeed { return endRecord() }
                fault = fault ?? .textAfterQuote
                state = .plain
                if isEnd(byte, inPlain: bytes, from: start) { return position }
            }
        }
        return nil
    }

    mutating func finish(atLength length: Int) {
        switch state {
        case .quoted: fault = fault ?? .unclosedQuote
        case .quoteSeen: endField(at: length - 1)
        case .returnSeen: fault = fault ?? .textAfterQuote
        case .plain: endField(at: length)
        case .fieldStart:
            field = Field(start: length, end: length)
            endField(at: length)
        }
    }

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// True when the record ends with this byte.
    private mutating func isEnd(_ byte: UInt8, inPlain bytes: [UInt8], from start: Int) -> Bool {
        if byte == separator {
            endField(at: position - 1)
            state = .fieldStart
            return false
        }
        guard byte == Self.lineFeed else { return false }
        let last = position - 2
        let endsInReturn = last >= field.start && last >= 0 && bytes[start + last] == Self.carriageReturn
        endField(at: endsInReturn ? last : position - 1)
        lineBreaks += 1
        return true
    }

    private mutating func isEnd(behindQuote byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""):
            field.hasDoubledQuotes = true
            state = .quoted
        case separator:
            endField(at: position - 2)
            state = .fieldStart
        case Self.lineFeed:
            field.end = position - 2
            _ = endRecord()
            return true
        case Self.carriageReturn:
            field.end = position - 2
            state = .returnSeen
        default:
            fault = fault ?? .textAfterQuote
            state = .plain
        }
        return false
    }

    private mutating func endRecord() -> Int {
        endField(at: field.end)
        lineBreaks += 1
        return position
    }

    private mutating func endField(at end: Int) {
        fieldCount += 1
        guard fields.count < fieldLimit, !isForgetting else { return }
        field.end = end
        fields.append(field)
    }
}
