/// One statement. Interpolation *is* binding: a value cannot become part of the text.
///
/// Parameters are written `$1…$n`, which SQLite and PostgreSQL both take.
package struct SQLStatement: Sendable, ExpressibleByStringInterpolation {
    private enum Source {
        case template(SQLTemplate)
        case text(String)
    }

    private let source: Source
    package let values: [SQLValue]

    package typealias StringLiteralType = StaticString

    package init(stringLiteral literal: StaticString) {
        var template = SQLTemplate(pieceCount: 1)
        template.append(literal)
        source = .template(template)
        values = []
    }

    /// For what is made while the program runs, and by no act: the schema's names come from a list.
    package init(stringLiteral text: String) {
        source = .text(text)
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        source = .template(stringInterpolation.template)
        values = stringInterpolation.values
    }

    /// `nil` when it is not made of the program's literals: then it is not worth keeping.
    package var template: SQLTemplate? {
        if case .template(let template) = source { template } else { nil }
    }

    package var text: String {
        switch source {
        case .template(let template): template.text
        case .text(let text): text
        }
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        package typealias StringLiteralType = StaticString

        fileprivate var template: SQLTemplate
        fileprivate var values: [SQLValue] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            template = SQLTemplate(pieceCount: interpolationCount * 2 + 1)
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: StaticString) { template.append(literal) }

        package mutating func appendInterpolation(_ value: some SQLBindable) { bind(value.sqlValue) }

        package mutating func appendInterpolation<Value: SQLBindable>(_ value: Value?) {
            bind(value?.sqlValue ?? .null(of: Value.sqlType))
        }

        /// Rows of a `VALUES` list, each value bound: `($1, $2), ($3, $4)`.
        package mutating func appendInterpolation(rows: [[any SQLBindable]]) {
            for (index, row) in rows.enumerated() {
                if index > 0 { appendLiteral(", ") }
                appendInterpolation(list: row)
            }
        }

        /// A list of bound values: `($1, $2)`.
        package mutating func appendInterpolation(list: [any SQLBindable]) {
            appendLiteral("(")
            for (index, value) in list.enumerated() {
                if index > 0 { appendLiteral(", ") }
                bind(value.sqlValue)
            }
            appendLiteral(")")
        }

        /// A keyword cannot be bound, so it comes from a closed set.
        package mutating func appendInterpolation(_ order: SQLOrder) {
            switch order {
            case .ascending: appendLiteral("ASC")
            case .descending: appendLiteral("DESC")
            }
        }

        /// Rows that the statement looks for are taken, or left to whoever has them.
        package mutating func appendInterpolation(_ lock: SQLRowLock) {
            switch lock {
            case .skippingLocked: appendLiteral("/*FOR UPDATE SKIP LOCKED*/")
            }
        }

        private mutating func bind(_ value: SQLValue) {
            values.append(value)
            template.appendPlace()
        }
    }
}

/// What a `SELECT` inside a statement does with rows that another transaction holds. SQLite knows none, and reads a
/// comment; the other driver reads what is in it.
package enum SQLRowLock: Sendable {
    /// Nobody waits for rows that somebody else is at.
    case skippingLocked
}

package enum SQLOrder: Sendable {
    case ascending
    case descending
}
