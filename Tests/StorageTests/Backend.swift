import PostgresDriver
import Storage
import TestSupport
import Testing

/// An engine that the store runs on. Every act is held to the same suite on each of them.
enum Backend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite, postgres

    var testDescription: String { rawValue }

    /// A migrated and empty database that nobody has open; gone when `body` returns.
    func withDatabase(_ body: (TestDatabase) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            try await withDatabaseFile { file in try await body(TestDatabase { try file.open() }) }
        case .postgres:
            try await PostgresServer.shared.withDatabase { settings in try await body(Self.database(settings)) }
        }
    }

    /// One that was never migrated.
    func withEmptyDatabase(_ body: (TestDatabase) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            try await withTemporaryDirectory { directory in
                let file = DatabaseFile(path: directory + "/denwa.sqlite")
                try await body(TestDatabase { try file.open() })
            }
        case .postgres:
            try await PostgresServer.shared.withEmptyDatabase { settings in try await body(Self.database(settings)) }
        }
    }

    private static func database(_ settings: PostgresSettings) -> TestDatabase {
        TestDatabase { SQLStore(engine: PostgresDatabase(settings)) }
    }

    func withStore(_ body: (SQLStore) async throws -> Void) async throws {
        try await withDatabase { database in try await body(database.open()) }
    }

    /// Several processes at one database, as far as it can tell.
    func withStores(_ count: Int, _ body: ([SQLStore]) async throws -> Void) async throws {
        try await withDatabase { database in
            let stores = try await (0..<count).asyncMap { _ in try await database.open() }
            try await body(stores)
        }
    }
}

/// A database that can be opened several times.
struct TestDatabase: Sendable {
    /// A store with connections of its own.
    let open: @Sendable () async throws -> SQLStore

    init(open: @escaping @Sendable () async throws -> SQLStore) { self.open = open }
}

extension Sequence {
    fileprivate func asyncMap<Mapped>(_ transform: (Element) async throws -> Mapped) async throws -> [Mapped] {
        var mapped: [Mapped] = []
        for element in self { mapped.append(try await transform(element)) }
        return mapped
    }
}
