import ClientServers
import InternetAddresses
import Synchronization

/// A name server that says something else each time, as that of an attacker does.
final class ScriptedResolver: HostResolver {
    private let answers: [[String]]
    private let asked = Mutex(0)
    /// How often it was asked.
    var count: Int { asked.withLock { $0 } }

    /// - Parameter answers: in turn; the last one stays.
    init(_ answers: [String]...) { self.answers = answers }

    func addresses(of host: String) async -> [IPAddress] {
        let turn = asked.withLock { asked in
            asked += 1
            return asked - 1
        }
        return answers[min(turn, answers.count - 1)].compactMap(IPAddress.init)
    }
}

/// One that never answers.
struct SilentResolver: HostResolver {
    func addresses(of host: String) async -> [IPAddress] {
        try? await Task.sleep(for: .seconds(3600))
        return []
    }
}
