/// A connection inside a transaction. Statements run one after another; none is visible to others before the
/// transaction ends.
package protocol SQLConnection {
    func rows(_ statement: SQLStatement) async throws -> [SQLRow]
    /// The number of rows changed.
    @discardableResult
    func run(_ statement: SQLStatement) async throws -> Int
    /// Runs a statement whose outcome the act does not look at. Nobody waits for the answer: where a network lies
    /// between, it shares a round trip with what comes next. When it fails, the act fails.
    func send(_ statement: SQLStatement) async throws
    /// Until the transaction ends, other acts that ask for the same key wait before their next statement.
    func lock(_ key: Int64) async throws
    /// Runs a statement at the very end of the transaction, after everything that waits for others, while it holds
    /// the key: what such statements write becomes visible in the order in which they wrote it.
    func conclude(_ statement: SQLStatement, under key: Int64) async throws
}

extension SQLConnection {
    package func first(_ statement: SQLStatement) async throws -> SQLRow? { try await rows(statement).first }
}

/// A closure over one transaction. It may be run again after a serialization failure, so it must not touch
/// anything but its connection.
package typealias SQLAct<Result> = @Sendable (any SQLConnection) async throws -> Result

/// What a database must do for the store; SQLite and PostgreSQL each have a driver.
package protocol SQLEngine: Sendable {
    /// Returns when the act's changes are on disk. When it throws, nothing of the act remains, unless the database
    /// went away while it was asked to commit: then nobody knows.
    func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result

    /// A consistent view of everything that was answered before the call.
    func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result

    /// Changes the schema, while no other process does.
    func define<Result: Sendable>(
        _ change: @escaping @Sendable (any SQLSchema) async throws -> Result
    ) async throws -> Result

    /// Leaves everything in order for whoever opens the database next. No act follows.
    func close() async
}
