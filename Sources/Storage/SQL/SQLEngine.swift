/// A connection inside a transaction. Statements run one after another; none is visible to others before the
/// transaction ends.
package protocol SQLConnection {
    func rows(_ statement: SQLStatement) async throws -> [SQLRow]
    /// The number of rows changed.
    @discardableResult
    func run(_ statement: SQLStatement) async throws -> Int
}

extension SQLConnection {
    package func first(_ statement: SQLStatement) async throws -> SQLRow? { try await rows(statement).first }
}

/// A closure over one transaction. It may be run again after a serialization failure, so it must not touch
/// anything but its connection.
package typealias SQLAct<Result> = @Sendable (any SQLConnection) async throws -> Result

/// What a database must do for the store; SQLite and PostgreSQL each have a driver.
package protocol SQLEngine: Sendable {
    /// Returns when the act's changes are on disk. When it throws, nothing of the act remains.
    func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result

    /// A consistent view of everything that was answered before the call.
    func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result

    /// Runs statements that define the schema, in one transaction.
    func define(_ statements: [String]) async throws
}
