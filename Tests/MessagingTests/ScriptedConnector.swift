import Messaging
import Synchronization
import TestSupport
import Time

/// A provider at the edge of the process: says to each text what the test wrote down, and remembers it.
final class ScriptedConnector: MessageConnector {
    enum Answer: Sendable {
        case takes, refuses, isUnreachable, isMisconfigured
        case throttles(seconds: Int?)
        /// Says nothing for as long as it may.
        case hangs
    }

    private struct State {
        var answers: [Answer]
        var seen: [TextMessage] = []
    }

    private let state: Mutex<State>

    /// The last answer is repeated for ever.
    init(_ answers: Answer..., givesReceipts: Bool = false) {
        state = Mutex(State(answers: answers))
        self.givesReceipts = givesReceipts
    }

    let givesReceipts: Bool

    var seen: [TextMessage] { state.withLock { $0.seen } }
    var bodies: [String] { seen.map(\.body) }

    let timeoutSeconds = 2

    func send(_ message: TextMessage, at now: Timestamp) async -> SendResult {
        let answer = state.withLock { state in
            state.seen.append(message)
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first
        }
        switch answer {
        case .takes: return SendResult(.accepted(providerID: "their-\(message.id)"))
        case .refuses: return SendResult(.refused, ProviderAnswer(code: "21211"))
        case .isMisconfigured: return SendResult(.misconfigured)
        case .throttles(let seconds): return SendResult(.throttled(retryAfterSeconds: seconds))
        case .isUnreachable, nil: return SendResult(.unreachable)
        case .hangs:
            try? await Task.sleep(for: .seconds(timeoutSeconds))
            return SendResult(.unreachable)
        }
    }
}
