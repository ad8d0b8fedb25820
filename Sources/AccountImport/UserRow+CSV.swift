import JOSE

extension UserRow {
    /// A record of CSV. Nil for one that says nothing: an empty line, or only separators.
    static func result(
        of scanner: CSVScanner, in bytes: [UInt8], from start: Int, columns: [UserColumn], country: String?
    ) -> Result<ImportedUser, UserRecordProblems>? {
        if let fault = scanner.fault { return .failure(UserRecordProblems([fault.rawValue])) }
        // An empty line is one empty value, however many columns there are.
        let isShort = scanner.fieldCount <= columns.count
        if isShort, scanner.fields.allSatisfy({ $0.start == $0.end }) { return nil }
        guard scanner.fieldCount == columns.count else {
            let counts = "\(scanner.fieldCount) values where the header has \(columns.count) columns"
            return .failure(UserRecordProblems([counts]))
        }
        var row = UserRow()
        for (index, field) in scanner.fields.enumerated() where field.start < field.end {
            guard let text = scanner.text(of: field, in: bytes, from: start) else {
                row.refuse(columns[index].name, "not UTF-8")
                continue
            }
            switch columns[index] {
            case .field(let field): row.take(field, text)
            case .property(let name): row.take(property: name, json: json(text))
            }
        }
        return row.finish(country: country)
    }

    /// The cell's JSON, or the cell as a JSON text.
    private static func json(_ text: String) -> String {
        guard let first = text.utf8.first, mayBeginJSON(first), let value = try? JSONValue(parsing: Array(text.utf8)),
            !isLongNumber(value, text)
        else { return JSONValue.string(text).serializedText }
        return value.serializedText
    }

    /// Saves the parser from most texts.
    private static func mayBeginJSON(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "-"), UInt8(ascii: "t"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), 0x09, 0x0A, 0x0D, 0x20:
            true
        default: UserText.isDigit(byte)
        }
    }

    /// Digits beyond 64 bits are somebody's name for something: as a number they would come out rounded.
    private static func isLongNumber(_ value: JSONValue, _ text: String) -> Bool {
        guard case .number = value else { return false }
        return text.utf8.allSatisfy { UserText.isDigit($0) || $0 == UInt8(ascii: "-") }
    }
}

extension UserColumn {
    /// As problems call it.
    var name: String {
        switch self {
        case .field(let field): field.rawValue
        case .property(let name): "properties.\(name)"
        }
    }
}
