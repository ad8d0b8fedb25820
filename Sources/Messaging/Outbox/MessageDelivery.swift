package import Logging
import ServiceLifecycle
package import Time

/// Sends what is in the outbox: as soon as it is told of something new, when a retry falls due, and at start
/// whatever an earlier process left behind.
///
/// No request waits for it, and it holds no database connection while a provider thinks.
package struct MessageDelivery: Service {
    private let store: any OutboxStore
    private let seal: MessageSeal
    private let connectors: [any MessageConnector]
    private let health: DeliveryHealth
    private let doorbell: Doorbell
    private let clock: WallClock
    private let logger: Logger

    private let attemptSeconds: Int

    private static let batchSize = 128
    private static let batchesAtOnce = 32

    /// - Parameters:
    ///   - connectors: in the order they are tried.
    ///   - attemptSeconds: how long one connector may take for one try.
    package init(
        store: any OutboxStore, seal: MessageSeal, connectors: [any MessageConnector], health: DeliveryHealth,
        doorbell: Doorbell, clock: WallClock, logger: Logger, attemptSeconds: Int = 10
    ) {
        self.store = store
        self.seal = seal
        self.connectors = connectors
        self.health = health
        self.doorbell = doorbell
        self.clock = clock
        self.logger = logger
        self.attemptSeconds = attemptSeconds
    }

    /// Longer than all tries may take, so that a message is not sent twice while one of them still runs.
    private var leaseSeconds: Int { attemptSeconds * connectors.count + 5 }

    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await cancelWhenGracefulShutdown { await ringWhenDue() } }
            let slots = Slots(count: Self.batchesAtOnce)
            for await _ in doorbell.rings.cancelOnGracefulShutdown() {
                while true {
                    // First the place, then the claim: a lease must not run while its messages wait.
                    await slots.take()
                    guard let batch = await claim(), !batch.isEmpty else {
                        slots.giveBack()
                        break
                    }
                    group.addTask {
                        await deliver(batch)
                        slots.giveBack()
                    }
                }
            }
        }
    }

    /// Retries and abandoned leases have no request that rings for them.
    private func ringWhenDue() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            doorbell.ring()
        }
    }

    private func claim() async -> [QueuedMessage]? {
        let now = clock.now()
        do {
            return try await store.claimMessages(
                atMost: Self.batchSize, leaseUntil: now.adding(seconds: leaseSeconds), at: now)
        } catch {
            logger.error("outbox could not be read", metadata: ["cause": "\(type(of: error))"])
            return nil
        }
    }

    private func deliver(_ batch: [QueuedMessage]) async {
        let outcomes = await outcomes(of: batch)
        do {
            try await store.record(outcomes, at: clock.now())
        } catch {
            // The leases run out and the texts are sent again: repeated, not lost.
            logger.error("deliveries could not be recorded", metadata: ["cause": "\(type(of: error))"])
        }
    }

    private func outcomes(of batch: [QueuedMessage]) async -> [DeliveryOutcome] {
        var outcomes: [DeliveryOutcome] = []
        var waiting: [(queued: QueuedMessage, text: TextMessage)] = []
        for queued in batch {
            if let text = open(queued) {
                waiting.append((queued, text))
            } else {
                outcomes.append(DeliveryOutcome(of: queued, .failed))
            }
        }
        for connector in connectors where !waiting.isEmpty {
            let results = await attempt(waiting.map(\.text), through: connector)
            var unreached: [(queued: QueuedMessage, text: TextMessage)] = []
            for message in waiting {
                switch results[message.text.id] {
                case .success: outcomes.append(DeliveryOutcome(of: message.queued, .sent))
                case .failure(.refused): outcomes.append(DeliveryOutcome(of: message.queued, .failed))
                case .failure(.unreachable), nil: unreached.append(message)
                }
            }
            waiting = unreached
        }
        return outcomes + waiting.map { DeliveryOutcome(of: $0.queued, nextTry(for: $0.queued)) }
    }

    private func open(_ queued: QueuedMessage) -> TextMessage? {
        guard let body = seal.open(queued.sealedBody, id: queued.id) else {
            logger.error("a queued text was sealed with another key", metadata: ["message": "\(queued.id)"])
            return nil
        }
        return TextMessage(
            id: queued.id, recipient: queued.recipient, body: body, template: queued.template,
            locale: queued.locale, clientID: queued.clientID, createdAt: queued.createdAt,
            expiresAt: queued.expiresAt)
    }

    /// One timer for all: when it fires, the tries still running are cancelled and count as unreachable.
    private func attempt(
        _ messages: [TextMessage], through connector: any MessageConnector
    ) async -> [String: Result<Void, DeliveryError>] {
        await withTaskGroup(of: (id: String, result: Result<Void, DeliveryError>)?.self) { group in
            group.addTask {
                try? await Task.sleep(for: .seconds(attemptSeconds))
                return nil
            }
            for message in messages {
                group.addTask { (message.id, await deliver(message, through: connector)) }
            }
            var results: [String: Result<Void, DeliveryError>] = [:]
            while results.count < messages.count, let finished = await group.next() {
                if let finished { results[finished.id] = finished.result } else { group.cancelAll() }
            }
            group.cancelAll()
            return results
        }
    }

    private func deliver(
        _ message: TextMessage, through connector: any MessageConnector
    ) async -> Result<Void, DeliveryError> {
        do throws(DeliveryError) {
            try await connector.deliver(message)
            if health.recordSuccess() { logger.notice("texts go out again") }
            return .success(())
        } catch {
            if error == .unreachable, health.recordFailure(at: clock.now()) {
                logger.error(
                    "no text goes out: every recent try failed", metadata: ["connector": "\(type(of: connector))"])
            }
            return .failure(error)
        }
    }

    /// Doubling from one second, while the code lives.
    private func nextTry(for message: QueuedMessage) -> DeliveryOutcome.Result {
        let retry = clock.now().adding(seconds: 1 << min(message.attempts, 5))
        return retry < message.expiresAt ? .retry(at: retry) : .failed
    }
}

/// Connectors hold their providers' secrets, and the libraries that run services print them.
extension MessageDelivery: CustomStringConvertible, CustomReflectable {
    package var description: String { "MessageDelivery" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
