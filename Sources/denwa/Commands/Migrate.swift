import ArgumentParser
import Storage
import Time

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up to date; `serve` does so too.")
    @Flag(help: "Only show what would be done.") var plan = false

    func run() async throws {
        let (configuration, _) = try Invocation.current.context()
        let store = SQLStore(engine: try Composition.openDatabase(configuration.databasePath))
        let pending = try await store.pendingMigrations()
        if plan {
            for migration in pending { print(migration.name) }
        } else {
            try await store.migrate(at: WallClock.system.now())
        }
        print(pending.isEmpty ? "The schema is up to date." : "\(pending.count) \(plan ? "pending" : "done").")
    }
}
