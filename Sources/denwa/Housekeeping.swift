import Logging
import ServiceLifecycle
import Storage
import Time

/// Removes what expired, in small batches with pauses between them, so that no request waits for it. Of many nodes one
/// does: together they would only look for the same rows.
struct Housekeeping: Service {
    let store: SQLStore
    /// By what the other nodes know this one.
    let node: String
    let retention: SQLStore.Retention
    let clock: WallClock
    let logger: Logger

    private static let batch = 100
    private static let rest = Duration.milliseconds(10)
    private static let busyPause = Duration.milliseconds(20)
    private static let idlePause = Duration.seconds(30)
    /// Longer than any pause: a node that lives keeps its turn.
    private static let turnSeconds = 90

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
            let now = clock.now()
            let isTurn = try await store.takeHousekeepingTurn(
                as: node, until: now.adding(seconds: Self.turnSeconds), at: now)
            guard isTurn else { return 0 }
            return try await store.removeExpired(
                retention, batch: Self.batch, rest: Self.rest, at: clock.now())
        } catch {
            logger.error("expired rows could not be removed", metadata: ["cause": "\(type(of: error))"])
            return 0
        }
    }
}
