import Messaging
import Synchronization
import TestSupport

/// A provider at the edge of the process: says to each text what the test wrote down, and remembers it.
final class ScriptedConnector: MessageConnector {
    enum Answer: Sendable {
        case takes, refuses, isUnreachable
        /// Says nothing until it is told to stop.
        case hangs
    }

    private struct State {
        var answers: [Answer]
        var seen: [TextMessage] = []
    }

    private let state: Mutex<State>

    /// The last answer is repeated for ever.
    init(_ answers: Answer...) { state = Mutex(State(answers: answers)) }

    var seen: [TextMessage] { state.withLock { $0.seen } }
    var bodies: [String] { seen.map(\.body) }

    func deliver(_ message: TextMessage) async throws(DeliveryError) {
        let answer = state.withLock { state in
            state.seen.append(message)
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first
        }
        switch answer {
        case .takes: return
        case .refuses: throw .refused
        case .isUnreachable, nil: throw .unreachable
        case .hangs:
            try? await Task.sleep(for: .seconds(3600))
            throw .unreachable
        }
    }
}
