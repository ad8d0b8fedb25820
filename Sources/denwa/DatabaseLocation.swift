import PostgresDriver
import SQLiteDriver
import Storage
import Time

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where everything is kept.
enum DatabaseLocation: Sendable {
    case sqlite(path: String)
    case postgres(PostgresSettings)

    /// Opens the database, and makes a file where there is none. A server that is away is found out here.
    func open() async throws(StartProblem) -> any SQLEngine {
        switch self {
        case .sqlite(let path): return try Self.openFile(path)
        case .postgres(let settings):
            if let problem = await settings.problem() {
                throw StartProblem("\(settings.place): \(problem)")
            }
            return PostgresDatabase(settings)
        }
    }

    /// With the schema that this version needs.
    func openStore() async throws -> SQLStore {
        let store = SQLStore(engine: try await open())
        try await store.migrate(at: WallClock.system.now())
        return store
    }

    /// Each connection, and one more to cancel what it does.
    var maximumSockets: Int {
        switch self {
        case .sqlite: 0
        case .postgres(let settings): settings.connections * 2
        }
    }

    /// For people: no password is in it.
    var description: String {
        switch self {
        case .sqlite(let path): path
        case .postgres(let settings): settings.place
        }
    }

    /// False where no server ran yet: looking makes no file.
    var isThere: Bool {
        switch self {
        case .sqlite(let path): FileManager.default.fileExists(atPath: path)
        case .postgres: true
        }
    }

    private static func openFile(_ path: String) throws(StartProblem) -> SQLiteDatabase {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        do {
            if !folder.isEmpty {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            return try SQLiteDatabase(path: path)
        } catch {
            throw StartProblem("\(path): cannot be opened as a SQLite database")
        }
    }
}
