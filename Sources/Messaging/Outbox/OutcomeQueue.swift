import Synchronization

/// Outcomes on their way to the store. Whatever came together while one batch was written is the next batch, so that
/// a slow text keeps nobody waiting and a quick store is asked seldom.
final class OutcomeQueue: Sendable {
    private let pending = Mutex<[DeliveryOutcome]>([])
    private let arrivals: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (arrivals, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func add(_ outcome: DeliveryOutcome) {
        pending.withLock { $0.append(outcome) }
        continuation.yield()
    }

    /// No more will come.
    func finish() { continuation.finish() }

    /// Hands over batches until the queue is finished and empty.
    func drain(_ write: ([DeliveryOutcome]) async -> Void) async {
        for await _ in arrivals { await write(takeAll()) }
        await write(takeAll())
    }

    private func takeAll() -> [DeliveryOutcome] {
        pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
    }
}
