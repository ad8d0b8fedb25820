package import OAuth
package import Time

extension SQLStore: OneTimeIdentifierStore {
    package func spend(_ identifier: OneTimeIdentifier, at now: Timestamp) async throws -> Bool {
        try await engine.write { connection in try await connection.spend(identifier) }
    }
}

extension SQLConnection {
    /// One guarded statement: of many that race, the row lets one in. Expired rows are removed by housekeeping; until
    /// then they refuse what is too old anyway.
    func spend(_ identifier: OneTimeIdentifier) async throws -> Bool {
        try await run(
            """
            INSERT INTO spent_identifier (digest, expires_at) VALUES (\(identifier.digest), \(identifier.expiresAt))
            ON CONFLICT (digest) DO NOTHING
            """) == 1
    }
}
