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

    private static let batchSize = 128
    private static let batchesAtOnce = 32
    /// Longer than one attempt may take, so that a message is not sent twice while its first try still runs.
    private static let leaseSeconds = 15
    private static let attemptSeconds = 10

    package init(
        store: any OutboxStore, seal: MessageSeal, connectors: [any MessageConnector], health: DeliveryHealth,
        doorbell: Doorbell, clock: WallClock, logger: Logger
    ) {
        self.store = store
        self.seal = seal
        self.connectors = connectors
        self.health = health
        self.doorbell = doorbell
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await ringWhenDue() }
            let slots = Slots(count: Self.batchesAtOnce)
            for await _ in doorbell.rings.cancelOnGracefulShutdown() {
                while let batch = await claim(), !batch.isEmpty {
                    await slots.take()
                    group.addTask {
                        await deliver(batch)
                        slots.giveBack()
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Retries and abandoned leases have no request that rings for them.
    private func ringWhenDue() async throws {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            doorbell.ring()
        }
    }

    private func claim() async -> [QueuedMessage]? {
        let now = clock.now()
        do {
            return try await store.claimMessages(
                atMost: Self.batchSize, leaseUntil: now.adding(seconds: Self.leaseSeconds), at: now)
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

    /// One timer a batch: when it fires, the deliveries still running are cancelled and count as unreachable.
    private func outcomes(of batch: [QueuedMessage]) async -> [DeliveryOutcome] {
        await withTaskGroup(of: DeliveryOutcome?.self) { group in
            group.addTask {
                try? await Task.sleep(for: .seconds(Self.attemptSeconds))
                return nil
            }
            for message in batch {
                group.addTask { await deliver(message) }
            }
            var outcomes: [DeliveryOutcome] = []
            while outcomes.count < batch.count, let finished = await group.next() {
                if let finished { outcomes.append(finished) } else { group.cancelAll() }
            }
            group.cancelAll()
            return outcomes
        }
    }

    private func deliver(_ queued: QueuedMessage) async -> DeliveryOutcome {
        func outcome(_ result: DeliveryOutcome.Result) -> DeliveryOutcome {
            DeliveryOutcome(of: queued, result)
        }
        guard let body = seal.open(queued.sealedBody, id: queued.id) else {
            logger.error("a queued text was sealed with another key", metadata: ["message": "\(queued.id)"])
            return outcome(.failed)
        }
        let message = TextMessage(
            id: queued.id, recipient: queued.recipient, body: body, template: queued.template,
            locale: queued.locale, clientID: queued.clientID, createdAt: queued.createdAt,
            expiresAt: queued.expiresAt)
        for connector in connectors {
            do throws(DeliveryError) {
                try await connector.deliver(message)
                if health.recordSuccess() { logger.notice("texts go out again") }
                return outcome(.sent)
            } catch {
                guard error == .unreachable else { return outcome(.failed) }
                if health.recordFailure(at: clock.now()) {
                    logger.error(
                        "no text goes out: every recent try failed",
                        metadata: ["connector": "\(type(of: connector))"])
                }
            }
        }
        return outcome(nextTry(for: queued))
    }

    /// Doubling from one second, while the code lives.
    private func nextTry(for message: QueuedMessage) -> DeliveryOutcome.Result {
        let retry = clock.now().adding(seconds: 1 << min(message.attempts, 5))
        return retry < message.expiresAt ? .retry(at: retry) : .failed
    }
}
