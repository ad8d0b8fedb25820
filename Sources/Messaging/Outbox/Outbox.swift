package import Time

/// A text waiting to be sent. Its words are sealed: a stolen database must not give a live code.
package struct QueuedMessage: Sendable {
    package let id: String
    package let channel: MessageChannel
    package let recipient: String
    /// ISO 3166-1 alpha-2; empty for e-mail.
    package let region: String
    package let sealedContent: [UInt8]
    package let template: MessageTemplate
    package let locale: String
    package let clientID: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    /// Set by a process that delivers it itself as soon as it is on disk: nobody else claims it before.
    package let leasedUntil: Timestamp?
    /// How often it was claimed before this time.
    package let attempts: Int
    /// The connectors that accepted it, and whose providers reported later that it did not arrive.
    package let failedConnectors: Set<String>

    package init(
        id: String, channel: MessageChannel = .sms, recipient: String, region: String, sealedContent: [UInt8],
        template: MessageTemplate, locale: String, clientID: String, createdAt: Timestamp, expiresAt: Timestamp,
        leasedUntil: Timestamp? = nil, attempts: Int = 0, failedConnectors: Set<String> = []
    ) {
        self.id = id
        self.channel = channel
        self.recipient = recipient
        self.region = region
        self.sealedContent = sealedContent
        self.template = template
        self.locale = locale
        self.clientID = clientID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.leasedUntil = leasedUntil
        self.attempts = attempts
        self.failedConnectors = failedConnectors
    }
}

/// What became of a claimed message.
package struct DeliveryOutcome: Sendable {
    package enum Result: Sendable, Equatable {
        /// - Parameter awaitsReceipt: its words are kept until the provider reports or the code dies, so that
        ///   another connector can take them.
        case sent(connector: String, providerID: String?, awaitsReceipt: Bool)
        case failed
        case retry(at: Timestamp)
    }

    package let message: QueuedMessage
    package let result: Result
    /// The last provider's words.
    package let answer: ProviderAnswer?

    package init(of message: QueuedMessage, _ result: Result, answer: ProviderAnswer? = nil) {
        self.message = message
        self.result = result
        self.answer = answer
    }
}

/// The states of a message, as clients and operators see them.
package enum MessageState: String, Sendable, CaseIterable {
    case queued
    /// A provider has it.
    case sent
    /// The provider says that it arrived.
    case delivered
    case failed
    /// Its code died before it left.
    case expired
}

/// The durable queue of texts. A message enters it in the transaction of the act that wants it sent.
package protocol OutboxStore: Sendable {
    /// Takes messages that are due, so that nobody else sends them before `leaseEnd`; those whose holder died
    /// come back after it.
    func claimMessages(atMost count: Int, leaseUntil leaseEnd: Timestamp, at now: Timestamp) async throws
        -> [QueuedMessage]

    /// Keeps a claimed message for longer. False when somebody else has it meanwhile, or it is final.
    func extendLease(of message: QueuedMessage, until leaseEnd: Timestamp) async throws -> Bool

    /// A message's words are gone as soon as it is final. Whoever lost its lease meanwhile can still say that the
    /// text left, but neither give up a message that somebody else has now nor take it back.
    func record(_ outcomes: [DeliveryOutcome], at now: Timestamp) async throws
}

/// What a receipt did.
package enum ReceiptEffect: Sendable, Equatable {
    case recorded
    /// The code lives, and the text goes to another connector.
    case movedOn
    /// An old one, or one that came before.
    case none
    /// Its text is under way, and nobody has said yet that it was accepted.
    case early
    case unknown
}

package protocol ReceiptStore: Sendable {
    /// Takes a provider's word on a text that `connector` handed over last. Any other word changes nothing.
    func record(_ receipt: DeliveryReceipt, from connector: String, at now: Timestamp) async throws -> ReceiptEffect
}
