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

    private struct Place {
        let directory: String
        let port: Int
        let programs: String

        func settings(_ database: String) throws -> PostgresSettings {
            let url = "postgres:///\(database)?host=\(directory)&port=\(port)&user=denwa"
            guard var settings = PostgresSettings(url: url) else {
                throw Unavailable(description: "\(directory) does not fit into a URI")
            }
            settings.connections = 8
            // A busy machine is not what tests are about.
            settings.wait = .seconds(60)
            settings.lockTimeout = .seconds(60)
            settings.statementTimeout = .seconds(60)
            return settings
        }
    }

    private let place: Place
    private let process: Process
    private let queue = DispatchQueue(label: "denwa.tests.psql")
    private let hasTemplate: Task<Void, any Error>
    private let state = Mutex(State())

    private struct State {
        var lastNumber = 0
        /// Migrated and empty, for the next test that asks.
        var free: [String] = []
    }

    /// The script ends the server when its input ends: with this process.
    private static let script = #"""
        set -e
        directory=$(mktemp -d "${TMPDIR:-/tmp}/denwa-postgres-XXXXXX" 2>/dev/null || mktemp -d /tmp/denwa-postgres-XXXXXX)
        trap 'kill -QUIT $server 2>/dev/null; wait; rm -rf "$directory"' EXIT
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
            -keyout "$directory/server.key" -out "$directory/server.crt" 2>/dev/null
        "$1/initdb" -D "$directory/data" -U denwa -A trust -E UTF8 --locale=C -N >"$directory/log" 2>&1
        "$1/postgres" -D "$directory/data" -k "$directory" -p "$2" -c listen_addresses=127.0.0.1 \
            -c ssl=on -c ssl_cert_file="$directory/server.crt" -c ssl_key_file="$directory/server.key" -c fsync=off -c full_page_writes=off \
            -c max_connections=800 -c shared_buffers=128MB -c max_wal_size=4GB \
            >>"$directory/log" 2>&1 </dev/null &
        server=$!
        until "$1/pg_isready" -q -h "$directory" -p "$2"; do kill -0 $server; sleep 0.1; done
        echo "$directory"
        cat >/dev/null
        """#

    private init() throws {
        let programs = try Self.findPrograms()
        let process = Process()
        let port = try Self.freePort()
        let shell = ["/bin/sh", "-c", Self.script, "postgres", programs, "\(port)"]
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
        let place = Place(directory: directory, port: port, programs: programs)
        (self.place, self.process) = (place, process)
        hasTemplate = Task { [queue] in
            try await Self.psql("CREATE DATABASE \(Self.template)", place, queue)
            let store = SQLStore(engine: PostgresDatabase(try place.settings(Self.template)))
            try await store.migrate(at: .noon)
            await store.engine.close()
            // A template that somebody uses cannot be copied.
            try await Self.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(Self.template)'", place,
                queue)
        }
    }

    /// A migrated and empty database of a test's own.
    package func withDatabase<Result>(_ body: (PostgresSettings) async throws -> Result) async throws -> Result {
        try await hasTemplate.value
        let free = state.withLock { $0.free.popLast() }
        let name = if let free { free } else { try await create(from: Self.template) }
        do {
            let result = try await body(place.settings(name))
            try await empty(name)
            return result
        } catch {
            try? await empty(name)
            throw error
        }
    }

    /// One that was never migrated; gone when `body` returns.
    package func withEmptyDatabase<Result>(_ body: (PostgresSettings) async throws -> Result) async throws -> Result {
        try await hasTemplate.value
        let name = try await create(from: "template0")
        do {
            let result = try await body(place.settings(name))
            try await drop(name)
            return result
        } catch {
            try? await drop(name)
            throw error
        }
    }

    /// Ends all connections, as a restart of the server would.
    package func cutConnections(to settings: PostgresSettings) async throws {
        let name = settings.place.split(separator: "/").last ?? ""
        try await psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'")
    }

    private func create(from template: String) async throws -> String {
        let name = state.withLock { state in
            state.lastNumber += 1
            return "test_\(state.lastNumber)"
        }
        try await psql("CREATE DATABASE \(name) TEMPLATE \(template)")
        return name
    }

    private func drop(_ name: String) async throws { try await psql("DROP DATABASE \(name) WITH (FORCE)") }

    /// Much quicker than another copy. A database whose schema a test changed is not used again.
    private func empty(_ name: String) async throws {
        let database = PostgresDatabase(try place.settings(name))
        let isAsMigrated = try? await database.write { connection in
            try await connection.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            try await connection.run(Self.emptying)
            let others = try await connection.rows(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('note', 'other')")
            return others.isEmpty
        }
        await database.close()
        if isAsMigrated == true {
            state.withLock { $0.free.append(name) }
        } else {
            try await drop(name)
        }
    }

    private static let emptying: SQLStatement = """
        DO $$ DECLARE name TEXT; BEGIN
            FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
                AND tablename NOT IN ('schema_migration', 'registered_client_count')
            LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
            FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
            LOOP EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART'; END LOOP;
            UPDATE registered_client_count SET clients = 0;
        END $$
        """

    /// The same database over TCP, where TLS is to be had.
    package func overLoopback(_ settings: PostgresSettings, _ parameters: String) -> PostgresSettings? {
        let name = settings.place.split(separator: "/").last ?? ""
        return PostgresSettings(url: "postgres://denwa@127.0.0.1:\(place.port)/\(name)?\(parameters)")
    }

    /// The certificate that it shows, PEM.
    package var certificateFile: String { "\(place.directory)/server.crt" }

    /// The kernel's choice. Somebody else may take it in between, which is as unlikely as it is harmless.
    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port: in_port_t? = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard unsafe bind(socket, pointer, length) == 0, unsafe getsockname(socket, pointer, &length) == 0
                else {
                    return nil
                }
                return unsafe UnsafeRawPointer(pointer).loadUnaligned(as: sockaddr_in.self).sin_port.bigEndian
            }
        }
        guard let port else { throw Unavailable(description: "no free port") }
        return Int(port)
    }

    private func psql(_ statement: String) async throws {
        try await Self.psql(statement, place, queue)
    }

    private static func psql(_ statement: String, _ place: Place, _ queue: DispatchQueue) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async {
                continuation.resume(with: Result { try runPsql(statement, place) })
            }
        }
    }

    private static func runPsql(_ statement: String, _ place: Place) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(place.programs)/psql")
        process.arguments = [
            "-q", "-X", "-h", place.directory, "-p", "\(place.port)", "-U", "denwa", "-d", "postgres", "-c", statement,
        ]
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
