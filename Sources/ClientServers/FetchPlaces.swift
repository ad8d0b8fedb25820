import Synchronization

/// How much is fetched at once. Strangers choose what is fetched: neither this server's memory nor somebody else's
/// server is theirs to use up.
final class FetchPlaces: Sendable {
    private static let inAll = 64
    private static let perHost = 4

    private let hosts = Mutex<[String: Int]>([:])

    func enter(_ host: String) -> Bool {
        hosts.withLock { hosts in
            guard hosts.values.reduce(0, +) < Self.inAll, hosts[host, default: 0] < Self.perHost else { return false }
            hosts[host, default: 0] += 1
            return true
        }
    }

    func leave(_ host: String) {
        hosts.withLock { hosts in
            let left = hosts[host, default: 0] - 1
            hosts[host] = left > 0 ? left : nil
        }
    }
}
