import ServiceLifecycle
import Synchronization

/// Lets a load balancer turn away before the server goes: at SIGTERM it is no longer ready, and it still answers for
/// a while.
///
/// The last of the services, so it is the first that is told to stop, and the others are told when it has.
final class Draining: Service {
    private let seconds: Int
    private let letGo: @Sendable () -> Void
    private let hasBegun = Mutex(false)

    /// - Parameter letGo: ends what would wait for longer than a shutdown may take.
    init(seconds: Int, letGo: @escaping @Sendable () -> Void) {
        self.seconds = seconds
        self.letGo = letGo
    }

    var isUnderWay: Bool { hasBegun.withLock { $0 } }

    func run() async throws {
        try? await gracefulShutdown()
        hasBegun.withLock { $0 = true }
        try? await Task.sleep(for: .seconds(seconds))
        letGo()
    }
}
