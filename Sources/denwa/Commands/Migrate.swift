import ArgumentParser
import Storage
import Time

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up to date; `serve` does so too.")
    @Flag(help: "Only show what would be done, with its statements.") var plan = false

    func run() async throws {
        let (configuration, _) = try Invocation.current.context()
        let store = SQLStore(engine: try await configuration.database.open())
        let pending = try await store.pendingMigrations()
        if plan {
            for migration in pending { print(migration.outline) }
        } else {
            try await store.migrate(at: WallClock.system.now())
        }
        print(pending.isEmpty ? "The schema is up to date." : "\(pending.count) \(plan ? "pending" : "done").")
    }
}

extension Migration {
    /// Its name, and below it what it does.
    fileprivate var outline: String {
        let lines: [String] =
            switch step {
            case .statements(let statements):
                statements.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            case .index(let index): ["index \(index.name) on \(index.target), while others go on"]
            }
        return ([name] + lines.map { "    \($0)" }).joined(separator: "\n")
    }
}
