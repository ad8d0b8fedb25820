/// Why the database did not do what it was asked. Its own messages quote statements and values, so they go nowhere:
/// a code of five characters is all that is kept of them.
package enum PostgresFailure: Error, Sendable, Equatable {
    /// An SQLSTATE (PostgreSQL manual, appendix A).
    case refused(sqlState: String)
    /// The connection ended. Nothing of the act remains.
    case connectionLost
    /// The connection ended while the database was asked to commit: whether it did, nobody knows.
    case outcomeUnknown
    /// No host takes connections, or none that can write.
    case unreachable
    /// Every connection stayed busy, or too many acts wait for one.
    case overloaded
    /// A result has a type that the store never asks for, by its object id.
    case unexpectedType(UInt32)

    /// Whether the same act may simply run again, now: it left nothing, and what was in its way is gone.
    var isWorthAnotherTry: Bool {
        switch self {
        case .refused(let state): Self.passing.contains(state)
        case .connectionLost: true
        case .outcomeUnknown, .unreachable, .overloaded, .unexpectedType: false
        }
    }

    /// Whether the connection is of no more use: its server goes down, or is a standby by now.
    var endsConnection: Bool {
        switch self {
        case .refused(let state): Self.ending.contains(state)
        default: false
        }
    }

    /// Serialization failure, deadlock; what a transaction or statement left behind that did not end well; and those
    /// that end the connection.
    private static let passing = ending.union(["40001", "40P01", "25P02", "26000"])
    /// Administrator's shutdown, crash shutdown, cannot connect now, read-only transaction.
    private static let ending: Set<String> = ["57P01", "57P02", "57P03", "25006"]
    /// `query_canceled`: by a timeout, or by us.
    static let cancelled = PostgresFailure.refused(sqlState: "57014")
    /// `lock_not_available`: waited for as long as it may.
    static let lockNotAvailable = PostgresFailure.refused(sqlState: "55P03")
}
