import Logging
import PhoneLogin
import ServiceLifecycle

/// Looks twice a second, while somebody waits for a link, whether another process was told the answer.
struct LinkWatch: Service {
    let waiting: LinkWaiting
    let store: any PhoneLoginStore
    let logger: Logger

    private static let pause = Duration.milliseconds(500)

    func run() async throws {
        for await _ in waiting.arrivals.cancelOnGracefulShutdown() {
            await cancelWhenGracefulShutdown { await watch() }
        }
    }

    private func watch() async {
        var isBlind = false
        while waiting.count > 0, !Task.isCancelled {
            do {
                try await waiting.look(in: store)
                isBlind = false
            } catch {
                // Whoever waits looks once more when its time is up.
                if !isBlind {
                    logger.error("links could not be looked at", metadata: ["cause": "\(type(of: error))"])
                }
                isBlind = true
            }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
