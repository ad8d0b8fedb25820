import ClientServers
import OAuth
import Synchronization
import TestSupport

/// The servers of clients: answer what the test wrote down, and remember what they were sent.
final class ScriptedPost: LogoutTokenPost {
    enum Answer: Sendable {
        case status(Int)
        case silence
        /// 200, when the gate is open.
        case after(Gate)
    }

    struct Sent: Sendable {
        let form: String
        let url: String
        let client: String
    }

    private struct State {
        var answers: [String: [Answer]]
        var sent: [Sent] = []
    }

    private let state: Mutex<State>

    /// - Parameter answers: by client, the last one for ever; whoever is not named says 204.
    init(_ answers: [String: [Answer]] = [:]) { state = Mutex(State(answers: answers)) }

    var sent: [Sent] { state.withLock { $0.sent } }
    func count(of client: String) -> Int { sent.count { $0.client == client } }

    func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int? {
        let name = client.id.rawValue
        let answer = state.withLock { state in
            state.sent.append(Sent(form: form, url: url, client: name))
            guard var answers = state.answers[name] else { return Answer.status(204) }
            let answer = answers.count > 1 ? answers.removeFirst() : answers[0]
            state.answers[name] = answers
            return answer
        }
        switch answer {
        case .status(let status): return status
        case .silence: return nil
        case .after(let gate):
            await gate.pass()
            return 200
        }
    }
}
