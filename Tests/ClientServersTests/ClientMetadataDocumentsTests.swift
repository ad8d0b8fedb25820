import DeveloperLog
import InternetAddresses
import OAuth
import Synchronization
import TestSupport
import Testing
import Time

@testable import ClientServers

/// Documents that describe clients: how long one is good, and what becomes of one that is not.
@Suite(.timeLimit(.minutes(1))) struct ClientMetadataDocumentsTests {
    private final class Log: SecurityEventLog {
        private let recorded = Mutex<[SecurityEvent]>([])
        var events: [SecurityEvent] { recorded.withLock { $0 } }

        func record(_ event: SecurityEvent) async throws { recorded.withLock { $0.append(event) } }
        func events(matching filter: SecurityEventFilter) async throws -> [NumberedSecurityEvent] { [] }
    }

    private let log = Log()

    private func documents(_ resolver: any HostResolver = ScriptedResolver(["127.0.0.1"])) throws
        -> ClientMetadataDocuments
    {
        let loopback = try #require(IPNetwork("127.0.0.0/8"))
        return ClientMetadataDocuments(
            fetch: GuardedFetch(AddressRules(allowedNetworks: [loopback], allowsHTTP: true), resolver: resolver),
            rules: ClientMetadataRules(scope: RegistrationSettings().scope), log: log)
    }

    private func id(at server: ScriptedServer) -> ClientID { ClientID("http://app.example:\(server.port)/client") }

    private func publish(_ name: String, on server: ScriptedServer, cacheControl: String? = nil) {
        let members = [
            #""client_id":"\#(id(at: server).rawValue)""#, #""client_name":"\#(name)""#,
            #""redirect_uris":["https://app.example/cb"]"#,
        ]
        server.answer(
            "{\(members.joined(separator: ","))}",
            headers: ["Content-Type: application/json"] + (cacheControl.map { ["Cache-Control: \($0)"] } ?? []))
    }

    @Test(arguments: [
        (nil, 300), ("max-age=120", 120), ("public, Max-Age=\"120\"", 120), ("max-age=1", 60), ("no-store", 60),
        ("no-cache, max-age=3600", 60), ("max-age=604800", 86_400), ("max-age=99999999999999999999", 86_400),
        ("max-age=-1", 300), ("private", 300), ("max-age=600, max-age=120", 120),
    ])
    func `a document is kept as long as its server says, within bounds`(_ row: (header: String?, seconds: Int))
        async throws
    {
        try await ScriptedServer.run(body: "") { server async throws in
            let documents = try documents()
            publish("First", on: server, cacheControl: row.header)
            #expect(try await documents.client(id(at: server), at: .noon)?.name == "First")
            publish("Second", on: server, cacheControl: row.header)
            let end = Timestamp.noon.adding(seconds: row.seconds)
            #expect(try await documents.client(id(at: server), at: end.adding(milliseconds: -1))?.name == "First")
            #expect(try await documents.client(id(at: server), at: end)?.name == "Second")
        }
    }

    @Test func `a failure is kept for ten seconds, and the log says what kind it is`() async throws {
        try await ScriptedServer.run(body: "{}", status: "404 Not Found") { server async throws in
            let documents = try documents()
            #expect(try await documents.client(id(at: server), at: .noon) == nil)
            publish("App", on: server)
            #expect(try await documents.client(id(at: server), at: .noon.adding(milliseconds: 9999)) == nil)
            #expect(try await documents.client(id(at: server), at: .noon.adding(seconds: 10))?.name == "App")
            #expect(log.events.map(\.kind) == [.clientMetadataRefused])
            #expect(log.events.first?.reason == "the answer is not 200")
            #expect(log.events.first?.clientID == nil, "the URL is a stranger's text")
        }
    }

    @Test func `a clock that was set back makes nothing last longer`() async throws {
        try await ScriptedServer.run(body: "") { server async throws in
            let documents = try documents()
            publish("First", on: server)
            _ = try await documents.client(id(at: server), at: .noon)
            publish("Second", on: server)
            let before = Timestamp.noon.adding(seconds: -1)
            #expect(try await documents.client(id(at: server), at: before)?.name == "Second")
        }
    }

    @Test func `whoever gives up leaves the fetch to the next one`() async throws {
        try await ScriptedServer.run(ScriptedServer.Script(parts: [], staysOpen: true)) { server async throws in
            let documents = try documents()
            let id = id(at: server)
            let first = Task { try await documents.client(id, at: .noon) }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            publish("App", on: server)
            let second = Task { try await documents.client(id, at: .noon) }
            first.cancel()
            #expect(try await second.value?.name == "App")
            #expect(log.events.isEmpty)
        }
    }

    @Test(arguments: [
        "https://app.example", "https://app.example/../client", "https://user@app.example/client",
        "https://app.example/client#x", "ftp://app.example/client",
    ])
    func `what cannot be an id is not fetched`(_ text: String) async throws {
        let resolver = ScriptedResolver(["127.0.0.1"])
        #expect(try await documents(resolver).client(ClientID(text), at: .noon) == nil)
        #expect(resolver.count == 0)
        #expect(log.events.isEmpty)
    }
}
