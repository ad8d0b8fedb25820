import Synchronization
package import Time

/// The clients: those of the file, replaced as a whole when it is read again, and those that registered or describe
/// themselves. A request looks its client up once and keeps that value, so a change never changes the rules half-way
/// through.
package final class ClientRegistry: Sendable {
    private let clients: Mutex<[ClientID: Client]>
    /// The server's own, whatever the file says.
    private let builtIn: Client?
    /// `nil`: nobody registers here.
    private let registered: (any RegisteredClientStore)?
    /// `nil`: no URL is a client.
    private let documents: (any ClientMetadataSource)?
    private let found = Mutex(FoundClients())

    package init(
        _ clients: [Client], builtIn: Client? = nil, registered: (any RegisteredClientStore)? = nil,
        documents: (any ClientMetadataSource)? = nil
    ) {
        self.builtIn = builtIn
        self.registered = registered
        self.documents = documents
        self.clients = Mutex(Self.index(clients, builtIn))
    }

    package func replace(with clients: [Client]) {
        let index = Self.index(clients, builtIn)
        self.clients.withLock { $0 = index }
    }

    /// A client of the file, or one that `find` found before: for whoever cannot wait, and comes after somebody who
    /// did.
    package subscript(id: ClientID) -> Client? {
        clients.withLock { $0[id] } ?? (mayBeElsewhere(id) ? found.withLock { $0.client(id) } : nil)
    }

    /// The client that a request names, wherever it is known. A change of a registered one is seen within a second on
    /// every node, and at once on the one where it was made.
    package func find(_ id: ClientID, at now: Timestamp) async throws(OAuthError) -> Client? {
        if let client = clients.withLock({ $0[id] }) { return client }
        guard mayBeElsewhere(id) else { return nil }
        do { return try await findElsewhere(id, at: now) } catch { throw .serverError(error) }
    }

    /// The client of something that was issued to it already. A document that was read before will do: whether it can
    /// be read again right now says nothing about a token.
    package func recall(_ id: ClientID, at now: Timestamp) async throws(OAuthError) -> Client? {
        if id.isURL, let client = self[id] { return client }
        return try await find(id, at: now)
    }

    /// Forgets what was found: it was changed just now.
    package func forget(_ id: ClientID) { found.withLock { $0.forget(id) } }

    /// By its form alone, so that an id that means nothing costs nothing.
    private func mayBeElsewhere(_ id: ClientID) -> Bool {
        (registered != nil && id.isOfRegistration) || (documents != nil && id.isURL)
    }

    private func findElsewhere(_ id: ClientID, at now: Timestamp) async throws -> Client? {
        if id.isURL {
            let client = try await documents?.client(id, at: now)
            if let client { found.withLock { $0.keep(client, as: id, at: now) } }
            return client
        }
        let (known, round) = found.withLock { ($0.fresh(id, at: now), $0.round) }
        if let known { return known }
        let client = try await registered?.registeredClient(id)?.client
        found.withLock { found in
            // What was read before a change is not what there is after it.
            if found.round == round { found.keep(client, as: id, at: now) }
        }
        return client
    }

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

    /// Those of the file, and the server's own.
    package var all: [Client] { clients.withLock { Array($0.values) }.sorted { $0.id.rawValue < $1.id.rawValue } }

    private static func index(_ clients: [Client], _ builtIn: Client?) -> [ClientID: Client] {
        Dictionary(([builtIn].compactMap(\.self) + clients).map { ($0.id, $0) }) { first, _ in first }
    }
}

extension ClientID {
    /// Whether it may be the address of a document that describes the client.
    package var isURL: Bool {
        let start = rawValue.utf8.prefix(8)
        return start.elementsEqual("https://".utf8) || start.starts(with: "http://".utf8)
    }
}
