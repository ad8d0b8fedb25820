import Synchronization
package import Time

/// Tells the delivery that something is waiting, or hands it a text that was queued for this process.
///
/// Rings that come while one is unanswered are one ring.
package final class Doorbell: Sendable {
    let rings: AsyncStream<Void>
    /// What was handed over.
    let texts: AsyncStream<QueuedMessage>
    private let ringer: AsyncStream<Void>.Continuation
    private let hand: AsyncStream<QueuedMessage>.Continuation
    private let delivery = Mutex<(slots: Slots, leaseSeconds: Int)?>(nil)

    package init() {
        (rings, ringer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (texts, hand) = AsyncStream.makeStream()
    }

    package func ring() { ringer.yield() }

    /// Until when a text that is queued now is claimed for this process, so that it can be handed over as soon as it
    /// is on disk: the delivery's own claim would be another commit. `nil` when nobody delivers here, or too many are
    /// on their way: then whoever can claims it.
    package func leaseEnd(at now: Timestamp) -> Timestamp? {
        delivery.withLock { $0 }.flatMap { $0.slots.isAnyFree ? now.adding(seconds: $0.leaseSeconds) : nil }
    }

    /// A text that is on disk, and claimed or not.
    package func hand(over message: QueuedMessage) {
        guard message.leasedUntil != nil, let delivery = delivery.withLock({ $0 }) else { return ring() }
        // The few that came while the last place was taken go beyond the number.
        delivery.slots.takeOneMore()
        hand.yield(message)
    }

    func open(for slots: Slots, leaseSeconds: Int) { delivery.withLock { $0 = (slots, leaseSeconds) } }

    /// What was handed over before is still delivered.
    func close() {
        delivery.withLock { $0 = nil }
        hand.finish()
    }
}
