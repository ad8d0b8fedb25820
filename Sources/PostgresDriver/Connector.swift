import CPostgres
import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Opens connections, one after another, on a thread of its own: looking up names, trying hosts and TLS handshakes
/// are libpq's, and it waits for them.
final class Connector: Sendable {
    private let queue = DispatchQueue(label: "denwa.postgres.connect")
    private let settings: PostgresSettings
    /// What the way to the server and back may take.
    private static let grace = Duration.seconds(2)
    private let loop: EventLoop

    init(_ settings: PostgresSettings, loop: EventLoop) {
        self.settings = settings
        self.loop = loop
    }

    /// Calls `completion` on the loop, with a connection that can write, or `nil`.
    func connect(after pause: Duration, _ completion: @escaping @Sendable (PostgresConnection?) -> Void) {
        let milliseconds = Int(pause / .milliseconds(1))
        queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [self] in
            let connection = connect()
            loop.perform { completion(connection) }
        }
    }

    private func connect() -> PostgresConnection? {
        guard let handle = unsafe settings.connect() else { return nil }
        // Notices may quote values, and libpq would print them.
        unsafe PQsetNoticeReceiver(handle, { _, _ in }, nil)
        guard unsafe PQstatus(handle) == CONNECTION_OK, unsafe prepare(handle) else {
            unsafe PQfinish(handle)
            return nil
        }
        return unsafe PostgresConnection(handle, patience: settings.statementTimeout + Self.grace, loop: loop)
    }

    private func prepare(_ handle: OpaquePointer) -> Bool {
        // What an act was answered must be on disk; who wants a standby to have it too says so at the server. A node
        // that lost its power must not keep its locks for hours.
        let session = """
            SET statement_timeout = \(Int(settings.statementTimeout / .milliseconds(1)));
            SET lock_timeout = \(Int(settings.lockTimeout / .milliseconds(1)));
            SET idle_in_transaction_session_timeout = \(Int(settings.statementTimeout / .milliseconds(1)));
            SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
            SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'
            """
        let result = unsafe PQexec(handle, session)
        defer { unsafe PQclear(result) }
        let status = unsafe PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else { return false }
        return unsafe PQsetnonblocking(handle, 1) == 0 && PQenterPipelineMode(handle) == 1
    }
}

extension PostgresSettings {
    /// Why nobody can connect, in libpq's words for an operator; `nil` when one can. They name hosts and users, and
    /// no password.
    package func problem() async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "denwa.postgres.probe").async {
                guard let handle = unsafe connect() else {
                    continuation.resume(returning: "out of memory")
                    return
                }
                let isConnected = unsafe PQstatus(handle) == CONNECTION_OK
                let problem = unsafe isConnected ? nil : String(cString: PQerrorMessage(handle))
                unsafe PQfinish(handle)
                continuation.resume(returning: problem?.split(separator: "\n").joined(separator: "; "))
            }
        }
    }

    /// Blocks until there is a connection, or none to be had.
    fileprivate func connect() -> OpaquePointer? {
        // What the URI says comes later, and wins. A server that only reads is no use; one that does not answer is
        // found out within seconds, whether it is being asked or not. Kerberos, which would be tried first, is for
        // those who say so: its library does not bear a process that ends meanwhile.
        let parameters = [
            ("connect_timeout", "2"), ("target_session_attrs", "read-write"), ("fallback_application_name", "denwa"),
            ("keepalives_idle", "10"), ("keepalives_interval", "3"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"), ("gssencmode", "disable"), ("dbname", url), ("client_encoding", "UTF8"),
        ]
        let keywords = unsafe parameters.map { unsafe strdup($0.0) } + [nil]
        let values = unsafe parameters.map { unsafe strdup($0.1) } + [nil]
        defer { unsafe (keywords + values).forEach { unsafe free($0) } }
        return unsafe keywords.map { unsafe UnsafePointer($0) }.withUnsafeBufferPointer { keywords in
            unsafe values.map { unsafe UnsafePointer($0) }.withUnsafeBufferPointer { values in
                unsafe PQconnectdbParams(keywords.baseAddress, values.baseAddress, 1)
            }
        }
    }
}
