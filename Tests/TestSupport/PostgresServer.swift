import Foundation
package import PostgresDriver
import Storage
import Synchronization

/// A PostgreSQL of the test run's own: made when the first test asks, gone with the run, however that ends.
///
/// Nothing of it is written to a disk in earnest; tests of crashes have servers of another kind.
package final class PostgresServer: Sendable {
    package struct Unavailable: Error, CustomStringConvertible {
        package let description: String
    }

    private static let starting = Task { try PostgresServer() }

    /// - Throws: `Unavailable` on a machine without PostgreSQL; `make setup` installs it.
    package static var shared: PostgresServer { get async throws { try await starting.value } }

    private static let template = "denwa_template"

    private let directory: String
    private let programs: String
    private let process: Process
    private let lastNumber = Mutex(0)
    private let hasTemplate: Task<Void, any Error>

    /// The script ends the server when its input ends: with this process.
    private static let script = #"""
        set -e
        directory=$(mktemp -d "${TMPDIR:-/tmp}/denwa-postgres-XXXXXX")
        trap 'kill -QUIT $server 2>/dev/null; wait; rm -rf "$directory"' EXIT
        "$1/initdb" -D "$directory/data" -U denwa -A trust -E UTF8 --locale=C -N >"$directory/log" 2>&1
        "$1/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c fsync=off -c full_page_writes=off \
            -c max_connections=800 -c shared_buffers=128MB -c autovacuum=off -c max_wal_size=4GB \
            >>"$directory/log" 2>&1 </dev/null &
        server=$!
        until "$1/pg_isready" -q -h "$directory"; do kill -0 $server; sleep 0.1; done
        echo "$directory"
        cat >/dev/null
        """#

    private init() throws {
        let programs = try Self.findPrograms()
        let process = Process()
        let shell = ["/bin/sh", "-c", Self.script, "postgres", programs]
        // The server refuses to run as root.
        let command =
            getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : []
        let arguments = command + shell
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardInput = Pipe()
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let directory = line.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !directory.isEmpty else { throw Unavailable(description: "PostgreSQL did not start") }
        (self.directory, self.programs, self.process) = (directory, programs, process)
        hasTemplate = Task { [directory, programs] in
            try Self.psql(#"CREATE DATABASE "\#(Self.template)""#, programs, directory)
            let store = SQLStore(engine: PostgresDatabase(try Self.settings(Self.template, directory)))
            try await store.migrate(at: .noon)
            await store.engine.close()
            // A template that somebody uses cannot be copied.
            try Self.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(Self.template)'", programs,
                directory)
        }
    }

    /// A database of a test's own; gone when `body` returns.
    package func withDatabase<Result>(
        isMigrated: Bool, _ body: (PostgresSettings) async throws -> Result
    ) async throws -> Result {
        try await hasTemplate.value
        let name = lastNumber.withLock { number in
            number += 1
            return "test_\(number)"
        }
        try Self.psql(
            "CREATE DATABASE \(name) TEMPLATE \(isMigrated ? Self.template : "template0")", programs, directory)
        defer { try? Self.psql("DROP DATABASE \(name) WITH (FORCE)", programs, directory) }
        return try await body(Self.settings(name, directory))
    }

    /// Ends all connections, as a restart of the server would.
    package func cutConnections(to settings: PostgresSettings) throws {
        let name = settings.place.split(separator: "/").last ?? ""
        try Self.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'", programs, directory)
    }

    private static func settings(_ database: String, _ directory: String) throws -> PostgresSettings {
        guard var settings = PostgresSettings(url: "postgres:///\(database)?host=\(directory)&user=denwa") else {
            throw Unavailable(description: "\(directory) does not fit into a URI")
        }
        settings.connections = 8
        return settings
    }

    private static func psql(_ statement: String, _ programs: String, _ directory: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(programs)/psql")
        process.arguments = ["-q", "-X", "-h", directory, "-U", "denwa", "-d", "postgres", "-c", statement]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unavailable(description: "psql failed: \(statement)") }
    }

    /// The newest there is: Debian keeps the programs of every version in a folder of their own.
    private static func findPrograms() throws -> String {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let debian = versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "/usr/lib/postgresql/\($0)/bin" }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        guard
            let found = (debian + path).first(where: {
                FileManager.default.isExecutableFile(atPath: "\($0)/initdb")
            })
        else { throw Unavailable(description: "no initdb on this machine; make setup installs PostgreSQL") }
        return found
    }
}
