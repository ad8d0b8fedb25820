import Time

/// Clients that were looked up a moment ago, so that one that is in use is read once a second, not once a request.
struct FoundClients {
    private struct Entry {
        let client: Client
        let at: Timestamp
    }

    private static let freshMilliseconds: Int64 = 1000
    private static let capacity = 1000

    private var entries: [ClientID: Entry] = [:]
    /// Counts changes: whoever read before one must not keep what they read.
    private(set) var round = 0

    func client(_ id: ClientID) -> Client? { entries[id]?.client }

    /// One that nobody can have changed since, but for the last second.
    func fresh(_ id: ClientID, at now: Timestamp) -> Client? {
        guard let entry = entries[id] else { return nil }
        // A clock that was set back makes nothing fresh.
        return (0..<Self.freshMilliseconds).contains(now.milliseconds - entry.at.milliseconds) ? entry.client : nil
    }

    mutating func keep(_ client: Client?, as id: ClientID, at now: Timestamp) {
        if client != nil, entries.count >= Self.capacity, entries[id] == nil {
            // Those in use come back by themselves.
            entries.removeAll(keepingCapacity: true)
        }
        entries[id] = client.map { Entry(client: $0, at: now) }
    }

    mutating func forget(_ id: ClientID) {
        entries[id] = nil
        round &+= 1
    }
}
