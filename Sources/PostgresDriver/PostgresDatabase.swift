package import Storage

/// PostgreSQL, or an engine that speaks like it, as the store's engine.
package final class PostgresDatabase: SQLEngine {
    private let pool: ConnectionPool
    private let loop: EventLoop

    /// How often an act runs that others' acts were in the way of.
    private static let attempts = 10

    /// Connects when the first act asks.
    package init(_ settings: PostgresSettings) {
        loop = EventLoop()
        pool = ConnectionPool(settings, loop: loop)
    }

    deinit { loop.stop() }

    package func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        try await repeating { connection in try await connection.write(act) }
    }

    package func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        try await repeating { connection in try await connection.read(act) }
    }

    package func define<Result: Sendable>(
        _ change: @escaping @Sendable (any SQLSchema) async throws -> Result
    ) async throws -> Result {
        // The first connection may try several hosts, each for seconds; nobody waits for an answer yet.
        try await pool.withConnection(within: .seconds(60)) { connection in
            try await PostgresSchema(connection: connection).change(change)
        }
    }

    package func close() async { await pool.close() }

    private func repeating<Result: Sendable>(
        _ work: @Sendable (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        var attempt = 1
        while true {
            do {
                return try await pool.withConnection(work)
            } catch let failure as PostgresFailure where failure.isWorthAnotherTry && attempt < Self.attempts {
                // Whoever collided must not collide again in step.
                try await Task.sleep(for: .milliseconds(2) * attempt * Double.random(in: 0...1))
                attempt += 1
            }
        }
    }
}
