import ClientServers
import Cryptography
import InternetAddresses
import JOSE
import OAuth
import TestSupport
import Testing
import Time

/// Keys at a client's `jwks_uri`: how long they are good, and how often they are asked for.
@Suite(.timeLimit(.minutes(1))) struct FetchedClientKeysTests {
    private func source() throws -> FetchedClientKeys {
        let loopback = try #require(IPNetwork("127.0.0.0/8"))
        let rules = AddressRules(allowedNetworks: [loopback], allowsHTTP: true)
        return FetchedClientKeys(fetch: GuardedFetch(rules), strangersFetch: GuardedFetch(rules))
    }

    private static func set(_ kids: String...) -> String {
        let keys = kids.map {
            #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"\#($0)"}"#
        }
        return #"{"keys":[\#(keys.joined(separator: ","))]}"#
    }

    private func client(at server: ScriptedServer) -> Client {
        var client = Client.fixture("app")
        client.keys = .uri("http://127.0.0.1:\(server.port)/jwks")
        return client
    }

    private func kids(
        _ source: FetchedClientKeys, _ client: Client, looking kid: String?, at now: Timestamp = .noon
    ) async -> [String] {
        await source.keys(of: client, kid: kid, at: now).compactMap(\.kid)
    }

    @Test func `registered keys are not asked for anywhere`() async throws {
        var client = Client.fixture("app")
        #expect(try await kids(source(), client, looking: nil).isEmpty)
        client.keys = .inline(try JWKSet(parsing: Array(Self.set("inline").utf8)).keys)
        #expect(try await kids(source(), client, looking: "another") == ["inline"])
    }

    @Test func `keys are kept for five minutes`() async throws {
        try await ScriptedServer.run(body: Self.set("first")) { server async throws in
            let (source, client) = (try source(), client(at: server))
            #expect(await kids(source, client, looking: "first") == ["first"])
            server.answer(Self.set("second"))
            let last = Timestamp.noon.adding(milliseconds: 299_999)
            #expect(await kids(source, client, looking: "first", at: last) == ["first"])
            #expect(await kids(source, client, looking: nil, at: last) == ["first"])
            #expect(server.requests.count == 1)
            #expect(await kids(source, client, looking: "first", at: .noon.adding(seconds: 300)) == ["second"])
        }
    }

    /// Attack: signatures that name keys which do not exist, so that this server asks another one all the time.
    @Test func `a key that is not there is looked for every half a minute`() async throws {
        try await ScriptedServer.run(body: Self.set("first")) { server async throws in
            let (source, client) = (try source(), client(at: server))
            #expect(await kids(source, client, looking: "invented") == ["first"])
            server.answer(Self.set("first", "new"))
            for second in 0..<30 {
                let now = Timestamp.noon.adding(seconds: second)
                #expect(await kids(source, client, looking: "invented-\(second)", at: now) == ["first"])
            }
            #expect(server.requests.count == 1)
            #expect(await kids(source, client, looking: "new", at: .noon.adding(seconds: 30)) == ["first", "new"])
            #expect(server.requests.count == 2)
        }
    }

    @Test(arguments: [("200 OK", "nonsense"), ("200 OK", "[]"), ("500 Internal Server Error", "{}")])
    func `a failure leaves the keys that are there, for as long as they are good`(
        _ failure: (status: String, body: String)
    ) async throws {
        try await ScriptedServer.run(body: Self.set("first")) { server async throws in
            let (source, client) = (try source(), client(at: server))
            #expect(await kids(source, client, looking: "first") == ["first"])
            server.answer(failure.body, status: failure.status)
            let later = Timestamp.noon.adding(seconds: 60)
            #expect(await kids(source, client, looking: "new", at: later) == ["first"])
            #expect(await kids(source, client, looking: "first", at: .noon.adding(seconds: 300)).isEmpty)

            server.answer(Self.set("new"))
            #expect(await kids(source, client, looking: "new", at: .noon.adding(seconds: 329)).isEmpty)
            #expect(await kids(source, client, looking: "new", at: .noon.adding(seconds: 330)) == ["new"])
        }
    }

    @Test func `a set that holds a private key gives none`() async throws {
        let set =
            #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}"#
        try await ScriptedServer.run(body: set) { server async throws in
            #expect(try await kids(source(), client(at: server), looking: nil).isEmpty)
        }
    }

    @Test func `a crowd asks once`() async throws {
        let script = ScriptedServer.Script(parts: [ScriptedServer.reply(Self.set("first"))], pauseMilliseconds: 200)
        try await ScriptedServer.run(script) { server async throws in
            let (source, client) = (try source(), client(at: server))
            let found = try await race(16) { _ in await source.keys(of: client, kid: "first", at: .noon).count }
            #expect(found == Array(repeating: 1, count: 16))
            #expect(server.requests.count == 1)
        }
    }
}
