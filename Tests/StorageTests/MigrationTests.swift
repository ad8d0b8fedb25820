import Storage
import TestSupport
import Testing
import Time

@Suite struct MigrationTests {
    @Test(arguments: Backend.allCases)
    func `a database that is up to date has nothing pending and is left alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let applied = try await store.count("schema_migration")
            #expect(applied > 0)
            #expect(try await store.pendingMigrations().isEmpty)
            try await PhoneLoginFixture().signIn(on: store)
            for _ in 0..<3 { try await store.migrate(at: .noon.adding(seconds: 60)) }
            #expect(try await store.count("schema_migration") == applied)
            #expect(
                try await store.count("schema_migration", where: "applied_at = \(Timestamp.noon.milliseconds)")
                    == applied)
            #expect(try await store.count("account") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `several processes that start at once at an empty database all come up`(on backend: Backend) async throws {
        for _ in 0..<5 {
            try await backend.withEmptyDatabase { database in
                let stores = try await race(4) { _ in
                    let store = try await database.open()
                    try await store.migrate(at: .noon)
                    return store
                }
                for store in stores { #expect(try await store.pendingMigrations().isEmpty) }
                try await PhoneLoginFixture().signIn(on: stores[0])
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a migration that fails leaves nothing, and the next start tries again`(on backend: Backend) async throws {
        try await backend.withEmptyDatabase { database in
            let store = try await database.open()
            // In the way of the schema's last table.
            try await store.engine.define(["CREATE TABLE security_event (position BIGINT)"])
            await #expect(throws: (any Error).self) { try await store.migrate(at: .noon) }
            await #expect(throws: (any Error).self) { try await store.count("account") }
            try await store.engine.define(["DROP TABLE security_event"])
            try await store.migrate(at: .noon)
            try await PhoneLoginFixture().signIn(on: store)
        }
    }
}
