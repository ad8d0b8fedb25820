import Cryptography
import DeveloperLog
import JOSE
import OAuth
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// Clients that register themselves.
@Suite struct ClientRegistrationTests {
    private let access = SHA256Digest(of: "registration access token")

    private func client(_ id: String = "reg-1", name: String = "App") -> RegisteredClient {
        RegisteredClient(
            id: ClientID(id), issuedAt: .noon,
            metadata: ["client_name": .string(name), "redirect_uris": ["https://app.example/cb"], "scope": "openid"],
            secretDigest: SHA256Digest(of: "secret of \(id)"), accessDigest: access)
    }

    private func register(
        _ client: RegisteredClient, maximum: Int = 10, charging charges: [LimitCharge] = [], on store: SQLStore
    ) async throws -> ClientRegistrationOutcome {
        try await store.register(client, maximum: maximum, charging: charges, from: .home, at: .noon)
    }

    @Test(arguments: Backend.allCases)
    func `a registration that let nobody in for a week gives its place back`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for id in ["reg-unused", "reg-allowed"] {
                _ = try await register(client(id), maximum: 2, on: store)
            }
            try await store.run(
                "INSERT INTO consent (account_id, client_id, scope, given_at) VALUES ('alice', 'reg-allowed', 'openid', 0)"
            )
            let end = Timestamp.noon.adding(seconds: 7 * 86_400)
            _ = try await store.removeExpired(.init(), batch: 100, at: end.adding(milliseconds: -1))
            #expect(try await store.registeredClients().count == 2)
            _ = try await store.removeExpired(.init(), batch: 100, at: end)
            #expect(try await store.registeredClients().map(\.id) == [ClientID("reg-allowed")])
            #expect(try await register(client("reg-next"), maximum: 2, on: store) == .registered)
            #expect(try await register(client("reg-more"), maximum: 2, on: store) == .full)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a registered client is there on every connection`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores async throws in
            #expect(try await register(client(), on: stores[0]) == .registered)
            #expect(try await stores[1].registeredClient(ClientID("reg-1")) == client())
            #expect(try await stores[1].registeredClient(ClientID("reg-2")) == nil)
            #expect(try await stores[1].registeredClients() == [client()])
            #expect(try await stores[0].log().map(\.kind) == [.clientRegistered])
        }
    }

    @Test(arguments: Backend.allCases, [1, 5])
    func `of those that race for the last places exactly as many are registered`(
        on backend: Backend, _ maximum: Int
    ) async throws {
        try await backend.withStores(4) { stores in
            let outcomes = try await race(16) { index in
                try await register(client("reg-\(index)"), maximum: maximum, on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .registered } == maximum)
            #expect(outcomes.count { $0 == .full } == 16 - maximum)
            #expect(try await stores[0].count("registered_client") == maximum)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of those that race at one address as many are registered as the limit allows`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            let limit = Limit(count: 3, windowSeconds: 86_400)
            let charge = try known(LimitCharge(.registerClientPerIP, limit, subject: "203.0.113.7"))
            let outcomes = try await race(16) { index in
                try await register(
                    client("reg-\(index)"), maximum: 100, charging: [charge], on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .registered } == 3)
            #expect(try await stores[0].count("registered_client") == 3)
            #expect(try await stores[0].log().count { $0.rule == "registerClientPerIP" } == 13)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a registration that finds no place counts against nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(
                LimitCharge(.registerClientPerIP, Limit(count: 1, windowSeconds: 86_400), subject: "203.0.113.7"))
            #expect(try await register(client(), maximum: 0, charging: [charge], on: store) == .full)
            #expect(try await register(client(), maximum: 1, charging: [charge], on: store) == .registered)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a client is replaced by who holds its token, and by nobody else`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await register(client(), on: store)
            let id = ClientID("reg-1")
            let wrong = try await store.replace(
                id, presenting: SHA256Digest(of: "another"), from: .home, at: .noon
            ) { _ in throw Unexpected() }
            #expect(wrong == nil)
            let unknown = try await store.replace(
                ClientID("reg-2"), presenting: access, from: .home, at: .noon
            ) { _ in throw Unexpected() }
            #expect(unknown == nil)
            #expect(try await store.registeredClient(id) == client())

            let changed = try await store.replace(id, presenting: access, from: .home, at: .noon) { client in
                var client = client
                client.metadata = ["client_name": "Other"]
                client.secretDigest = nil
                return client
            }
            #expect(changed?.metadata == ["client_name": "Other"])
            #expect(try await store.registeredClient(id) == changed)
            #expect(try await store.log().last?.kind == .clientChanged)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a change that is refused leaves everything as it was`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await register(client(), on: store)
            await #expect(throws: Unexpected.self) {
                _ = try await store.replace(
                    ClientID("reg-1"), presenting: access, from: .home, at: .noon
                ) { _ in throw Unexpected() }
            }
            #expect(try await store.registeredClient(ClientID("reg-1")) == client())
            #expect(try await store.log().map(\.kind) == [.clientRegistered])
        }
    }

    @Test(arguments: Backend.allCases)
    func `changes that race follow one another`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await register(client(name: ""), on: stores[0])
            _ = try await race(8) { index in
                try await stores.turn(index).replace(
                    ClientID("reg-1"), presenting: access, from: .home, at: .noon
                ) { client in
                    var client = client
                    let name = client.metadata["client_name"]?.string ?? ""
                    client.metadata["client_name"] = .string(name + "x")
                    return client
                }
            }
            let left = try await stores[0].registeredClient(ClientID("reg-1"))
            #expect(left?.metadata["client_name"] == "xxxxxxxx")
        }
    }

    @Test(arguments: Backend.allCases)
    func `deletion ends what people granted the client, and nothing else`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await register(client(), on: store)
            for id in ["reg-1", "reg-2", "game"] {
                var login = PhoneLoginFixture()
                login.client = .fixture(id)
                var tokens = TokenFixture()
                tokens.client = ClientID(id)
                _ = try await tokens.grant(holding: "token of \(id)", login: login, on: store)
            }
            let id = ClientID("reg-1")
            #expect(try await !store.delete(id, presenting: SHA256Digest(of: "another"), from: .home, at: .noon))
            #expect(try await store.registeredClient(id) != nil)
            #expect(try await store.delete(id, presenting: access, from: .home, at: .noon))
            #expect(try await store.registeredClient(id) == nil)
            #expect(try await store.refreshToken(SHA256Digest(of: "token of reg-1"), at: .noon) == nil)
            #expect(try await store.refreshToken(SHA256Digest(of: "token of reg-2"), at: .noon) != nil)
            #expect(try await store.refreshToken(SHA256Digest(of: "token of game"), at: .noon) != nil)
            #expect(try await !store.delete(id, presenting: access, from: .home, at: .noon), "only once")
            #expect(try await store.log().last?.kind == .clientDeleted)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a place that was left is free again, once`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores async throws in
            _ = try await register(client(), maximum: 1, on: stores[0])
            #expect(try await register(client("reg-2"), maximum: 1, on: stores[0]) == .full)
            let deletions = try await race(4) { index in
                try await stores.turn(index).delete(ClientID("reg-1"), presenting: nil, from: .operator, at: .noon)
            }
            #expect(deletions.count { $0 } == 1)
            #expect(try await register(client("reg-2"), maximum: 1, on: stores[1]) == .registered)
            #expect(try await register(client("reg-3"), maximum: 1, on: stores[1]) == .full)
        }
    }

    /// Growth: what one client's people granted is found without looking at everybody's.
    @Test func `the end of a client's grants needs no look at all grants`() async throws {
        try await Backend.sqlite.withStore { store in
            let plan = try await store.engine.read { connection in
                try await connection.rows(
                    """
                    EXPLAIN QUERY PLAN UPDATE token_grant SET revoked_at = 1
                    WHERE client_id = \(ClientID("reg-1")) AND substr(client_id, 1, 4) = 'reg-' AND revoked_at IS NULL
                    """
                ).map { try $0.text(3) }
            }
            #expect(plan.contains { $0.contains("token_grant_registered_client") }, "\(plan)")
        }
    }

    private struct Unexpected: Error {}
}
