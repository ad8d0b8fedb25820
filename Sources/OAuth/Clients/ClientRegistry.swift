import Synchronization

/// The registered clients, replaced as a whole when the file is read again. A request looks its client up
/// once and keeps that value, so a reload never changes the rules half-way through.
package final class ClientRegistry: Sendable {
    private let clients: Mutex<[ClientID: Client]>
    /// The server's own, whatever the file says.
    private let builtIn: Client?

    package init(_ clients: [Client], builtIn: Client? = nil) {
        self.builtIn = builtIn
        self.clients = Mutex(Self.index(clients, builtIn))
    }

    package func replace(with clients: [Client]) {
        let index = Self.index(clients, builtIn)
        self.clients.withLock { $0 = index }
    }

    package subscript(id: ClientID) -> Client? { clients.withLock { $0[id] } }

    /// By `project_id`, else by `client_id`: SDKs name a project where OAuth names a client.
    package func client(ofProject id: String) -> Client? {
        clients.withLock { index in
            index[ClientID(id)] ?? index.values.first { $0.projectID == id }
        }
    }

    /// Whether any client's pages are served from this origin.
    package func allowsOrigin(_ origin: String) -> Bool {
        clients.withLock { index in
            index.values.contains { $0.corsOrigins.contains { $0.utf8.elementsEqual(origin.utf8) } }
        }
    }

    package var all: [Client] { clients.withLock { Array($0.values) }.sorted { $0.id.rawValue < $1.id.rawValue } }

    private static func index(_ clients: [Client], _ builtIn: Client?) -> [ClientID: Client] {
        Dictionary(([builtIn].compactMap(\.self) + clients).map { ($0.id, $0) }) { first, _ in first }
    }
}
