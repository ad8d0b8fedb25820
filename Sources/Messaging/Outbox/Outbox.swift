package import Time

/// A text waiting to be sent. Its body is sealed: a stolen database must not give a live code.
package struct QueuedMessage: Sendable {
    package let id: String
    package let recipient: String
    package let sealedBody: [UInt8]
    package let template: MessageTemplate
    package let locale: String
    package let clientID: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    /// How often it was handed to a connector before this time.
    package let attempts: Int

    package init(
        id: String, recipient: String, sealedBody: [UInt8], template: MessageTemplate, locale: String,
        clientID: String, createdAt: Timestamp, expiresAt: Timestamp, attempts: Int = 0
    ) {
        self.id = id
        self.recipient = recipient
        self.sealedBody = sealedBody
        self.template = template
        self.locale = locale
        self.clientID = clientID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.attempts = attempts
    }
}

package struct DeliveryOutcome: Sendable {
    package enum Result: Sendable, Equatable {
        case sent
        case failed
        case retry(at: Timestamp)
    }

    package let message: QueuedMessage
    package let result: Result

    package init(of message: QueuedMessage, _ result: Result) {
        self.message = message
        self.result = result
    }
}

/// The durable queue of texts. A message enters it in the transaction of the act that wants it sent.
package protocol OutboxStore: Sendable {
    /// Takes messages that are due, so that nobody else sends them before `leaseEnd`; those whose holder died
    /// come back after it.
    func claimMessages(atMost count: Int, leaseUntil leaseEnd: Timestamp, at now: Timestamp) async throws
        -> [QueuedMessage]

    /// A body is gone as soon as its message is final. Whoever lost its lease meanwhile can still say that the
    /// text left, but neither give up a message that somebody else has now nor take it back.
    func record(_ outcomes: [DeliveryOutcome], at now: Timestamp) async throws
}
