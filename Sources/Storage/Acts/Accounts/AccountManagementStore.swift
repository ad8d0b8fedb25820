import AccountManagement
package import RateLimiting
package import Time

extension SQLStore: AccountManagementStore {
    package func charge(_ charges: [LimitCharge], at now: Timestamp) async throws -> LimitRefusal? {
        try await engine.write { connection in try await connection.charge(charges, at: now) }
    }
}
