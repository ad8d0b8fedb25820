/// Every act of the domain as SQL, written once for both engines. One file an act's family, in `Acts/`.
package struct SQLStore: Sendable {
    package let engine: any SQLEngine

    package init(engine: any SQLEngine) { self.engine = engine }
}

extension SQLStore {
    /// Whether the database answers.
    package func isReachable() async -> Bool {
        (try? await engine.read { connection in try await connection.rows("SELECT 1").count == 1 }) ?? false
    }
}
