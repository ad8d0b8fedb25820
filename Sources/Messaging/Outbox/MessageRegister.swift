package import Time

/// A message as operators see it: everything but its words.
package struct MessageRecord: Sendable {
    package let id: String
    package let channel: MessageChannel
    package let recipient: String
    package let region: String
    package let template: String
    package let locale: String
    package let clientID: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package let state: MessageState
    /// When it is looked at again; `nil` when it is final.
    package let dueAt: Timestamp?
    package let attempts: Int
    /// Who took it last, and under which id.
    package let connector: String?
    package let providerID: String?
    /// Who took it and reported that it did not arrive.
    package let failedConnectors: [String]
    /// A provider's last words.
    package let answer: String?

    package init(
        id: String, channel: MessageChannel, recipient: String, region: String, template: String, locale: String,
        clientID: String, createdAt: Timestamp, expiresAt: Timestamp, state: MessageState, dueAt: Timestamp?,
        attempts: Int, connector: String?, providerID: String?, failedConnectors: [String], answer: String?
    ) {
        self.id = id
        self.channel = channel
        self.recipient = recipient
        self.region = region
        self.template = template
        self.locale = locale
        self.clientID = clientID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.state = state
        self.dueAt = dueAt
        self.attempts = attempts
        self.connector = connector
        self.providerID = providerID
        self.failedConnectors = failedConnectors
        self.answer = answer
    }
}

package enum RetryOutcome: Sendable, Equatable {
    /// It waited, and is sent at once.
    case hastened
    /// Its connector had it; now the next one gets it.
    case movedOn
    /// It is being sent right now.
    case underWay
    /// It is over, and its words are gone.
    case final(MessageState)
    case unknown
}

/// Looking at the outbox, and lending a hand.
package protocol MessageRegister: Sendable {
    /// The newest, newest first.
    func messages(in state: MessageState?, of clientID: String?, limit: Int) async throws -> [MessageRecord]
    func message(_ id: String) async throws -> MessageRecord?
    func retry(_ id: String, at now: Timestamp) async throws -> RetryOutcome
}
