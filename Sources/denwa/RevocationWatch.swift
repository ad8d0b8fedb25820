import Logging
import OAuth
import ServiceLifecycle

/// Looks for new revocations while somebody listens, also for those of other processes: four times a second, so that
/// resource servers hear of them within one.
struct RevocationWatch: Service {
    let feed: RevocationFeed
    let logger: Logger

    private static let pause = Duration.milliseconds(250)
    /// 15 seconds.
    private static let looksBetweenBeats = 60

    func run() async throws {
        for await _ in feed.arrivals.cancelOnGracefulShutdown() {
            await cancelWhenGracefulShutdown { await watch() }
        }
    }

    private func watch() async {
        var quiet = 0
        var isBlind = false
        while feed.isListenedTo, !Task.isCancelled {
            do {
                try await feed.look()
                isBlind = false
                quiet += 1
                if quiet % Self.looksBetweenBeats == 0 { feed.beat() }
            } catch {
                // Listeners hear nothing, and can tell by that.
                if !isBlind {
                    logger.error("revocations could not be read", metadata: ["cause": "\(type(of: error))"])
                }
                isBlind = true
            }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
