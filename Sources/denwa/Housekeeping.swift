import Logging
import ServiceLifecycle
import Storage
import Time

/// Removes what expired, in small batches with pauses between them, so that no request waits for it.
struct Housekeeping: Service {
    let store: SQLStore
    let retention: SQLStore.Retention
    let clock: WallClock
    let logger: Logger

    private static let batch = 500
    private static let busyPause = Duration.milliseconds(200)
    private static let idlePause = Duration.seconds(30)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let removed = await removeOnce()
                try? await Task.sleep(for: removed >= Self.batch ? Self.busyPause : Self.idlePause)
            }
        }
    }

    private func removeOnce() async -> Int {
        do {
            return try await store.removeExpired(retention, batch: Self.batch, at: clock.now())
        } catch {
            logger.error("expired rows could not be removed", metadata: ["cause": "\(type(of: error))"])
            return 0
        }
    }
}
