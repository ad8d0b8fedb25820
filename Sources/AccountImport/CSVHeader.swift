/// The first record of a CSV file: what each column holds, and what stands between them.
struct CSVHeader: Sendable {
    let separator: UInt8
    let columns: [UserColumn]

    /// Reads the header and leaves the window behind it.
    init(reading window: inout RecordWindow) throws(UserFileError) {
        var best: (names: [String], separator: UInt8, length: Int, known: Int)?
        for separator in [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")] {
            var scanner = CSVScanner(separator: separator, fieldLimit: Self.columnLimit)
            switch try window.cut(&scanner) {
            case .none: throw .empty
            case .tooLong: throw .headerTooLong
            case .record(let length):
                guard scanner.fault == nil, scanner.fieldCount <= Self.columnLimit else { continue }
                let names = try Self.names(scanner, in: window)
                let known = names.count { UserColumn(named: $0) != nil }
                if known > best?.known ?? -1 { best = (names, separator, length, known) }
            }
        }
        guard let best else { throw .malformedHeader }
        columns = try Self.columns(best.names)
        separator = best.separator
        window.drop(best.length)
    }

    /// An app's own fields are tens at most; thousands of columns are another kind of file.
    private static let columnLimit = 2000

    private static func names(_ scanner: CSVScanner, in window: borrowing RecordWindow) throws(UserFileError)
        -> [String]
    {
        var names: [String] = []
        for field in scanner.fields {
            guard let text = scanner.text(of: field, in: window.bytes, from: window.start) else { throw .notUTF8 }
            // Lines that end in CR alone are one line here, and what follows the header in it is somebody's data.
            guard !text.utf8.contains(UInt8(ascii: "\r")) else { throw .malformedHeader }
            names.append(text.trimmed)
        }
        return names
    }

    private static func columns(_ names: [String]) throws(UserFileError) -> [UserColumn] {
        let columns = names.map { UserColumn(named: $0) }
        guard columns.contains(where: { $0 != nil }) else { throw .noHeader }
        let unknown = zip(names, columns).enumerated().compactMap { index, column in
            column.1.map(isAllowed) == true ? nil : shown(column.0, index: index)
        }
        guard unknown.isEmpty else { throw .unknownColumns(unknown) }
        let known = columns.compactMap(\.self)
        let repeated = names.indices.filter { index in known.count { $0 == known[index] } > 1 }
        guard repeated.isEmpty else { throw .repeatedColumns(repeated.map { shown(names[$0], index: $0) }) }
        let identifiers: [UserColumn] = [.field(.phoneNumber), .field(.loginName), .field(.email)]
        guard known.contains(where: identifiers.contains) else { throw .noIdentifier }
        return known
    }

    private static func isAllowed(_ column: UserColumn) -> Bool {
        if case .property(let name) = column { UserRow.isPropertyName(name) } else { true }
    }

    /// A name as it may be printed; its place, counted from 1, when it is too strange for that.
    private static func shown(_ name: String, index: Int) -> String {
        let isPlain = name.unicodeScalars.allSatisfy {
            $0 == " " || $0.properties.isAlphabetic || "_.-0123456789".unicodeScalars.contains($0)
        }
        return isPlain && !name.isEmpty && name.utf8.count <= 64 ? name : "number \(index + 1)"
    }
}

extension CSVScanner {
    /// A field of the record that was cut last; nil when it is not UTF-8.
    func text(of field: Field, in bytes: [UInt8], from start: Int) -> String? {
        let slice = bytes[(start + field.start)..<(start + field.end)]
        guard field.hasDoubledQuotes else { return text(slice) }
        var single: [UInt8] = []
        single.reserveCapacity(slice.count)
        var isSecond = false
        for byte in slice {
            if byte == UInt8(ascii: "\""), isSecond {
                isSecond = false
            } else {
                single.append(byte)
                isSecond = byte == UInt8(ascii: "\"")
            }
        }
        return text(single[...])
    }

    private func text(_ slice: ArraySlice<UInt8>) -> String? {
        isASCII ? String(decoding: slice, as: UTF8.self) : String(validating: slice, as: UTF8.self)
    }
}
