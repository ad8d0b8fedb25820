package import OAuth
package import RateLimiting
package import Time

extension SQLStore: OneTimeIdentifierStore {
    package func spend(
        _ identifier: OneTimeIdentifier, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> IdentifierSpending {
        try await engine.write { connection in
            if let refusal = try await connection.charge(charges, at: now) { return .limited(refusal) }
            return try await connection.spend(identifier) ? .first : .repeated
        }
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
