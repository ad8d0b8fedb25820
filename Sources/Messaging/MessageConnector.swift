package import Time

/// What became of one try to hand a text to a provider.
package struct SendResult: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        /// The provider has it, under its own id if it gives one. Not: the person has read it.
        case accepted(providerID: String?)
        /// Too much at once; the next connector is tried.
        case throttled(retryAfterSeconds: Int?)
        /// Permanent: the number or the text is not acceptable. No other connector is tried.
        case refused
        /// Credentials, templates, money, a wrong address: for the operator to mend; the next connector is tried.
        case misconfigured
        /// For now: nobody is there, or what came back makes no sense. The next connector is tried.
        case unreachable
    }

    package let outcome: Outcome
    /// For the operator, never for a person who signs in.
    package let answer: ProviderAnswer

    package init(_ outcome: Outcome, _ answer: ProviderAnswer = ProviderAnswer()) {
        self.outcome = outcome
        self.answer = answer
    }
}

extension SendResult.Outcome {
    package var name: String {
        switch self {
        case .accepted: "accepted"
        case .throttled: "throttled"
        case .refused: "refused"
        case .misconfigured: "misconfigured"
        case .unreachable: "unreachable"
        }
    }
}

/// The way to one provider; docs/connectors.md tells how to write one.
///
/// Called again for the same message after a crash, so a text may be repeated but is never lost. A call comes back
/// within the seconds that the connector was configured with, whatever the provider does.
package protocol MessageConnector: Sendable {
    var channels: Set<MessageChannel> { get }
    /// Whether the provider may tell later what became of a text: until then its words are kept, sealed.
    var givesReceipts: Bool { get }
    /// The longest that `send` takes.
    var timeoutSeconds: Int { get }
    func send(_ message: TextMessage, at now: Timestamp) async -> SendResult
}

extension MessageConnector {
    package var channels: Set<MessageChannel> { [.sms] }
    package var givesReceipts: Bool { false }
    package var timeoutSeconds: Int { 10 }
}
