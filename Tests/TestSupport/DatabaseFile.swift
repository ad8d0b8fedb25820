import SQLiteDriver
package import Storage
import Time

/// A SQLite file of a test's own. Every store that opens it has connections of its own, so several of them stand
/// for several processes, and a store opened after the others are gone stands for a restart.
package struct DatabaseFile: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    package func open(readers: Int = 2, commitDelayMilliseconds: Int = 0) throws -> SQLStore {
        SQLStore(
            engine: try SQLiteDatabase(
                path: path, readers: readers, commitDelayMilliseconds: commitDelayMilliseconds))
    }
}

/// A migrated and empty file; gone when `body` returns.
package func withDatabaseFile<Result>(_ body: (DatabaseFile) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let file = DatabaseFile(path: directory + "/denwa.sqlite")
        try await file.open().migrate(at: .noon)
        return try await body(file)
    }
}

package func withStore<Result>(_ body: (SQLStore) async throws -> Result) async throws -> Result {
    try await withDatabaseFile { try await body($0.open()) }
}
