import CPostgres
import Dispatch

/// Tells a server to give up what one of its connections is doing. libpq opens a connection for that and waits, so
/// it happens on threads of its own.
@safe final class Canceller: Sendable {
    private static let queue = DispatchQueue(label: "denwa.postgres.cancel", attributes: .concurrent)

    // `PQcancel` is safe in any thread (libpq manual, "Canceling Queries in Progress"); it is freed once, here.
    nonisolated(unsafe) private let handle: OpaquePointer?

    init(_ connection: OpaquePointer) { unsafe handle = PQgetCancel(connection) }

    deinit { unsafe PQfreeCancel(handle) }

    func cancel() {
        Self.queue.async { [self] in
            var message = [CChar](repeating: 0, count: 256)
            _ = unsafe PQcancel(handle, &message, Int32(message.count))
        }
    }
}
