/// One statement. Interpolation *is* binding: a value cannot become part of the text.
///
/// Parameters are written `$1…$n`, which SQLite and PostgreSQL both take.
package struct SQLStatement: Sendable, ExpressibleByStringInterpolation {
    package let text: String
    package let values: [SQLValue]

    package init(stringLiteral text: String) {
        self.text = text
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        values = stringInterpolation.values
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""
        fileprivate var values: [SQLValue] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 3)
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation(_ value: some SQLBindable) { bind(value.sqlValue) }

        package mutating func appendInterpolation<Value: SQLBindable>(_ value: Value?) {
            bind(value?.sqlValue ?? .null(of: Value.sqlType))
        }

        /// Rows of a `VALUES` list, each value bound: `($1, $2), ($3, $4)`.
        package mutating func appendInterpolation(rows: [[any SQLBindable]]) {
            for (index, row) in rows.enumerated() {
                if index > 0 { text += ", " }
                appendInterpolation(list: row)
            }
        }

        /// A list of bound values: `($1, $2)`.
        package mutating func appendInterpolation(list: [any SQLBindable]) {
            text += "("
            for (index, value) in list.enumerated() {
                if index > 0 { text += ", " }
                bind(value.sqlValue)
            }
            text += ")"
        }

        /// A keyword cannot be bound, so it comes from a closed set.
        package mutating func appendInterpolation(_ order: SQLOrder) { text += order.rawValue }

        /// Rows that the statement looks for are taken, or left to whoever has them.
        package mutating func appendInterpolation(_ lock: SQLRowLock) { text += lock.rawValue }

        private mutating func bind(_ value: SQLValue) {
            values.append(value)
            text += "$"
            text += String(values.count)
        }
    }
}

/// What a `SELECT` inside a statement does with rows that another transaction holds. SQLite knows none, and reads a
/// comment; the other driver reads what is in it.
package enum SQLRowLock: String, Sendable {
    /// Nobody waits for rows that somebody else is at.
    case skippingLocked = "/*FOR UPDATE SKIP LOCKED*/"
}

package enum SQLOrder: String, Sendable {
    case ascending = "ASC"
    case descending = "DESC"
}
