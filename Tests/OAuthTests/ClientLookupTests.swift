import Cryptography
import JOSE
import Synchronization
import TestSupport
import Testing
import Time

@testable import OAuth

/// Clients that are not in the file: where they are looked for, and for how long one look is good.
@Suite struct ClientLookupTests {
    /// What another process may change at any moment.
    private final class Registered: RegisteredClientStore {
        private let clients = Mutex<[ClientID: RegisteredClient]>([:])
        private let looks = Mutex(0)
        var count: Int { looks.withLock { $0 } }
        /// Runs in the middle of a look, after it read.
        let meanwhile = Mutex<(@Sendable () -> Void)?>(nil)

        func set(_ client: RegisteredClient?, _ id: ClientID) { clients.withLock { $0[id] = client } }

        func registeredClient(_ id: ClientID) async throws -> RegisteredClient? {
            looks.withLock { $0 += 1 }
            let found = clients.withLock { $0[id] }
            meanwhile.withLock { $0 }?()
            return found
        }
    }

    private final class Documents: ClientMetadataSource {
        private let clients = Mutex<[ClientID: Client]>([:])
        private let looks = Mutex(0)
        var count: Int { looks.withLock { $0 } }

        func set(_ client: Client?, _ id: ClientID) { clients.withLock { $0[id] = client } }

        func client(_ id: ClientID, at now: Timestamp) async throws -> Client? {
            looks.withLock { $0 += 1 }
            return clients.withLock { $0[id] }
        }
    }

    private let id = ClientID("reg-1")
    private let url = ClientID("https://app.example/client")
    private let registered = Registered()
    private let documents = Documents()

    private var registry: ClientRegistry {
        ClientRegistry([.fixture("game")], registered: registered, documents: documents)
    }

    private func client(named name: String) -> RegisteredClient {
        RegisteredClient(
            id: id, issuedAt: .noon,
            metadata: [
                "client_name": .string(name), "redirect_uris": ["https://app.example/cb"], "scope": "openid",
                "token_endpoint_auth_method": "none",
            ],
            secretDigest: nil, accessDigest: SHA256Digest(of: "access"))
    }

    @Test func `a client of the file is found without asking anybody`() async throws {
        let registry = registry
        #expect(try await registry.find(ClientID("game"), at: .noon)?.name == "Game")
        #expect(try await registry.find(ClientID("unknown"), at: .noon) == nil)
        #expect(registered.count == 0)
        #expect(documents.count == 0)
    }

    @Test func `a registered client is read once a second, and known to whoever cannot wait`() async throws {
        let registry = registry
        registered.set(client(named: "First"), id)
        #expect(registry[id] == nil)
        #expect(try await registry.find(id, at: .noon)?.name == "First")
        #expect(registry[id]?.name == "First")

        registered.set(client(named: "Second"), id)
        #expect(try await registry.find(id, at: .noon.adding(milliseconds: 999))?.name == "First")
        #expect(registered.count == 1)
        #expect(try await registry.find(id, at: .noon.adding(milliseconds: 1000))?.name == "Second")
        #expect(registered.count == 2)
    }

    @Test func `a clock that was set back makes nothing fresh`() async throws {
        let registry = registry
        registered.set(client(named: "First"), id)
        _ = try await registry.find(id, at: .noon)
        registered.set(client(named: "Second"), id)
        #expect(try await registry.find(id, at: .noon.adding(seconds: -3600))?.name == "Second")
    }

    @Test func `a client that was removed is gone within a second, and at once where that is known`() async throws {
        let registry = registry
        registered.set(client(named: "First"), id)
        _ = try await registry.find(id, at: .noon)
        registered.set(nil, id)
        #expect(try await registry.find(id, at: .noon.adding(seconds: 1)) == nil)
        #expect(registry[id] == nil)

        registered.set(client(named: "First"), id)
        _ = try await registry.find(id, at: .noon)
        registered.set(nil, id)
        registry.forget(id)
        #expect(registry[id] == nil)
        #expect(try await registry.find(id, at: .noon) == nil)
    }

    /// Cause: a look that began before a change would bring the old state back for a second.
    @Test func `what was read before a change is not kept after it`() async throws {
        let registry = registry
        registered.set(client(named: "First"), id)
        registered.meanwhile.withLock { [registered, id] in
            $0 = {
                registered.set(nil, id)
                registry.forget(id)
            }
        }
        _ = try await registry.find(id, at: .noon)
        #expect(registry[id] == nil)
        #expect(try await registry.find(id, at: .noon) == nil)
    }

    @Test func `a URL is asked for its document, each time for a request, once for a token`() async throws {
        let registry = registry
        #expect(try await registry.find(url, at: .noon) == nil)
        documents.set(.fixture("game"), url)
        #expect(try await registry.recall(url, at: .noon) != nil)
        #expect(try await registry.find(url, at: .noon) != nil)
        #expect(documents.count == 3)

        // Its server is down: nobody can sign in, and who did stays signed in.
        documents.set(nil, url)
        #expect(try await registry.find(url, at: .noon) == nil)
        #expect(try await registry.recall(url, at: .noon) != nil)
        #expect(documents.count == 4)
    }

    @Test func `without registration and documents such ids are nobody's`() async throws {
        let registry = ClientRegistry([])
        registered.set(client(named: "First"), id)
        documents.set(.fixture("game"), url)
        #expect(try await registry.find(id, at: .noon) == nil)
        #expect(try await registry.find(url, at: .noon) == nil)
    }
}
