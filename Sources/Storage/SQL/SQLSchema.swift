/// A connection that changes the schema. Where the engines have other words for a thing (`BLOB`, `AUTOINCREMENT`),
/// statements have SQLite's, and the other driver translates.
package protocol SQLSchema {
    func rows(_ statement: SQLStatement) async throws -> [SQLRow]
    /// All of these statements, or none.
    func run(_ statements: [SQLStatement]) async throws
    /// Makes an index while others go on reading and writing its table. Called again after it was interrupted, it
    /// mends what was left behind.
    func build(_ index: SQLIndex) async throws
}

/// An index of a table that may be large by the time it is made.
package struct SQLIndex: Sendable {
    package let name: String
    /// The table, the columns in brackets, and `WHERE` with a condition if there is one.
    package let target: String
    package let isUnique: Bool

    package init(_ name: String, on target: String, isUnique: Bool = false) {
        self.name = name
        self.target = target
        self.isUnique = isUnique
    }
}

extension SQLEngine {
    /// Runs statements that define the schema, in one transaction.
    package func define(_ statements: [String]) async throws {
        try await define { schema in try await schema.run(statements.map(SQLStatement.init(stringLiteral:))) }
    }
}
