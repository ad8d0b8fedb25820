package import Cryptography
package import Logging
import ServiceLifecycle
package import Time

/// Sends what is in the outbox: as soon as it is told of something new, when a retry falls due, and at start
/// whatever an earlier process left behind.
///
/// No request waits for it, no text waits for another one, and it holds no database connection while a provider
/// thinks.
package struct MessageDelivery: Service {
    private let store: any OutboxStore
    private let seal: MessageSeal
    private let routing: MessageRouting
    private let doorbell: Doorbell
    private let clock: WallClock
    private let entropy: Entropy
    private let logger: Logger

    private static let batchSize = 128
    /// Texts on their way at once. A provider that hangs holds each for its timeout.
    private static let texts = 4096
    /// What recording a delivery may take.
    private static let spareLeaseSeconds = 5

    package init(
        store: any OutboxStore, seal: MessageSeal, routing: MessageRouting, doorbell: Doorbell, clock: WallClock,
        entropy: Entropy, logger: Logger
    ) {
        self.store = store
        self.seal = seal
        self.routing = routing
        self.doorbell = doorbell
        self.clock = clock
        self.entropy = entropy
        self.logger = logger
    }

    /// For one connector, not for the whole route: what a killed process had claimed should not wait long.
    private var leaseSeconds: Int {
        (routing.connectors.map(\.connector.timeoutSeconds).max() ?? 0) + Self.spareLeaseSeconds
    }

    package func run() async throws {
        let outcomes = OutcomeQueue()
        let slots = Slots(count: Self.texts)
        doorbell.open(for: slots, leaseSeconds: leaseSeconds)
        await withDiscardingTaskGroup { group in
            group.addTask { await cancelWhenGracefulShutdown { await ringWhenDue() } }
            group.addTask { await outcomes.drain { await record($0) } }
            async let handedOver: Void = deliverHandedOver(slots, into: outcomes)
            await deliverUntilShutdown(slots, into: outcomes)
            await handedOver
            outcomes.finish()
        }
    }

    private func deliverHandedOver(_ slots: Slots, into outcomes: OutcomeQueue) async {
        await withDiscardingTaskGroup { group in
            await withGracefulShutdownHandler {
                for await text in doorbell.texts {
                    group.addTask {
                        if await isStillOurs(text) {
                            await deliver(text, slots, into: outcomes)
                        } else {
                            slots.giveBack(1)
                        }
                    }
                }
            } onGracefulShutdown: {
                doorbell.close()
            }
        }
    }

    /// Its lease began before its act, which may have waited for the database: when too little is left of it for the
    /// provider, it is claimed anew, or is another process' by now.
    private func isStillOurs(_ text: QueuedMessage) async -> Bool {
        let now = clock.now()
        let needed = now.adding(seconds: leaseSeconds - Self.spareLeaseSeconds)
        if let end = text.leasedUntil, needed <= end { return true }
        return (try? await store.extendLease(of: text, until: now.adding(seconds: leaseSeconds))) ?? false
    }

    /// Comes back when the texts that are on their way have been answered.
    private func deliverUntilShutdown(_ slots: Slots, into outcomes: OutcomeQueue) async {
        await withDiscardingTaskGroup { group in
            for await _ in doorbell.rings.cancelOnGracefulShutdown() {
                while true {
                    // First the place, then the claim: a lease must not run while its messages wait.
                    let places = await slots.take(atMost: Self.batchSize)
                    let leaseEnd = clock.now().adding(seconds: leaseSeconds)
                    let batch = await claim(atMost: places, until: leaseEnd)
                    slots.giveBack(places - batch.count)
                    for queued in batch {
                        group.addTask { await deliver(queued, slots, into: outcomes) }
                    }
                    if batch.count < places { break }
                }
            }
        }
    }

    private func deliver(_ queued: QueuedMessage, _ slots: Slots, into outcomes: OutcomeQueue) async {
        if let outcome = await deliver(queued) { outcomes.add(outcome) }
        slots.giveBack(1)
    }

    /// Retries and abandoned leases have no request that rings for them.
    private func ringWhenDue() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            doorbell.ring()
        }
    }

    private func claim(atMost count: Int, until leaseEnd: Timestamp) async -> [QueuedMessage] {
        do {
            return try await store.claimMessages(atMost: count, leaseUntil: leaseEnd, at: clock.now())
        } catch {
            logger.error("outbox could not be read", metadata: ["cause": "\(type(of: error))"])
            return []
        }
    }

    /// Together if that works; else one by one, so that one that cannot be written keeps no other from it, and again
    /// while the leases last.
    private func record(_ outcomes: [DeliveryOutcome]) async {
        guard !outcomes.isEmpty, await failures(of: [outcomes]) != nil else { return }
        var left = outcomes
        for pause in [0, 1, 2] {
            try? await Task.sleep(for: .seconds(pause))
            guard let failed = await failures(of: left.map { [$0] }) else { return }
            left = failed
        }
        // The leases run out and the texts are sent again: repeated, not lost.
        logger.error("deliveries could not be recorded", metadata: ["count": "\(left.count)"])
    }

    /// `nil` when all were written.
    private func failures(of batches: [[DeliveryOutcome]]) async -> [DeliveryOutcome]? {
        var failed: [DeliveryOutcome] = []
        for batch in batches {
            do {
                try await store.record(batch, at: clock.now())
            } catch {
                failed += batch
                logger.error("a delivery could not be recorded", metadata: ["cause": "\(type(of: error))"])
            }
        }
        return failed.isEmpty ? nil : failed
    }

    /// Along the message's route. `nil` when its lease was lost on the way.
    private func deliver(_ queued: QueuedMessage) async -> DeliveryOutcome? {
        guard let content = seal.open(queued.sealedContent, id: queued.id) else {
            logger.error("a queued text was sealed with another key", metadata: ["text": "\(queued.id)"])
            return DeliveryOutcome(of: queued, .failed)
        }
        let message = TextMessage(
            id: queued.id, channel: queued.channel, recipient: queued.recipient, region: queued.region,
            content: content, template: queued.template, locale: queued.locale, clientID: queued.clientID,
            createdAt: queued.createdAt, expiresAt: queued.expiresAt)
        let route = routing.order(of: queued.channel, region: queued.region, without: queued.failedConnectors)
        // Providers that reported it lost will not find it the second time.
        guard !route.isEmpty else { return DeliveryOutcome(of: queued, .failed) }
        var answer: ProviderAnswer?
        // How long each connector of the route wants to be left alone.
        var pausesSeconds: [Int] = []
        var wasAsked = false
        for way in route {
            let now = clock.now()
            guard now < queued.expiresAt else { break }
            guard way.breaker.admits(at: now) else {
                pausesSeconds.append(way.breaker.openSeconds(at: now) ?? 0)
                continue
            }
            if wasAsked {
                // Meanwhile the person may have typed an earlier copy of the code. A store that cannot be asked is no
                // reason to give up a text.
                let leaseEnd = now.adding(seconds: leaseSeconds)
                guard (try? await store.extendLease(of: queued, until: leaseEnd)) ?? true else { return nil }
            }
            wasAsked = true
            let result = await way.connector.send(message, at: now)
            tell(result, of: way, message: queued)
            answer = result.answer
            switch result.outcome {
            case .accepted(let providerID):
                return DeliveryOutcome(
                    of: queued,
                    .sent(
                        connector: way.name, providerID: providerID.flatMap(Self.identifier),
                        awaitsReceipt: way.connector.givesReceipts),
                    answer: answer)
            case .refused: return DeliveryOutcome(of: queued, .failed, answer: answer)
            case .throttled(let seconds): pausesSeconds.append(seconds ?? 0)
            case .misconfigured, .unreachable: pausesSeconds.append(0)
            }
        }
        return DeliveryOutcome(of: queued, nextTry(of: queued, after: pausesSeconds.min() ?? 0), answer: answer)
    }

    /// What no provider's id looks like is none: it goes into an index.
    private static func identifier(_ id: String) -> String? {
        (1...200).contains(id.utf8.count) && id.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? id : nil
    }

    /// Doubling from one second, give or take a half so that texts that failed together do not come back together;
    /// while the code lives.
    private func nextTry(of message: QueuedMessage, after pauseSeconds: Int) -> DeliveryOutcome.Result {
        let now = clock.now()
        let backoff = 1000 << min(message.attempts, 5)
        let jitter = Int(entropy.bytes(2).reduce(0) { $0 << 8 | UInt32($1) }) * backoff / 65_536
        let retry = now.adding(milliseconds: Int64(max(backoff / 2 + jitter, pauseSeconds * 1000)))
        return retry < message.expiresAt ? .retry(at: retry) : .failed
    }

    /// Outages once, and what an operator can mend each time it is new: not a line a text.
    private func tell(_ result: SendResult, of way: ConfiguredConnector, message: QueuedMessage) {
        let metadata: Logger.Metadata = [
            "connector": "\(way.name)", "answer": "\(result.answer)", "text": "\(message.id)",
        ]
        switch way.breaker.record(result.outcome, at: clock.now()) {
        case .opened: logger.error("connector is passed over: its tries fail", metadata: metadata)
        case .closed: logger.notice("connector works again", metadata: metadata)
        case nil:
            switch result.outcome {
            case .accepted: break
            case .misconfigured: logger.error("connector is misconfigured", metadata: metadata)
            case .refused, .throttled, .unreachable:
                logger.warning("text not taken: \(result.outcome.name)", metadata: metadata)
            }
        }
    }
}

/// Connectors hold their providers' secrets, and the libraries that run services print them.
extension MessageDelivery: CustomStringConvertible, CustomReflectable {
    package var description: String { "MessageDelivery" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
