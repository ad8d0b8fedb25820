package import Time

/// One row of a result, read by position in the order of the statement's own list of columns.
package struct SQLRow: Sendable {
    private let values: [SQLValue]

    package init(_ values: [SQLValue]) { self.values = values }

    package func integer(_ column: Int) throws -> Int64 {
        guard case .integer(let value) = values[column] else { throw UnexpectedColumn(column: column) }
        return value
    }

    package func text(_ column: Int) throws -> String {
        guard case .text(let value) = values[column] else { throw UnexpectedColumn(column: column) }
        return value
    }

    package func blob(_ column: Int) throws -> [UInt8] {
        guard case .blob(let value) = values[column] else { throw UnexpectedColumn(column: column) }
        return value
    }

    package func optionalText(_ column: Int) throws -> String? {
        if case .null = values[column] { return nil }
        return try text(column)
    }

    package func optionalBlob(_ column: Int) throws -> [UInt8]? {
        if case .null = values[column] { return nil }
        return try blob(column)
    }

    package func optionalInteger(_ column: Int) throws -> Int64? {
        if case .null = values[column] { return nil }
        return try integer(column)
    }

    package func time(_ column: Int) throws -> Timestamp { Timestamp(milliseconds: try integer(column)) }

    package func optionalTime(_ column: Int) throws -> Timestamp? {
        try optionalInteger(column).map(Timestamp.init(milliseconds:))
    }
}

/// A column holds another type than its statement expects: the schema and the code disagree.
package struct UnexpectedColumn: Error, Sendable {
    package let column: Int
}
