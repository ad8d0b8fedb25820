import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import OAuth
import Testing

@testable import denwa

@Suite(.timeLimit(.minutes(1))) struct OpenAPITests {
    @Test func `the document has every route of the server, and no other`() async throws {
        try await TestServer.run({ $0.registration.mode = .open }) { server in
            let documented = try await routes(of: document(of: server))
            let served = Set(server.composition.routes)
            // Figures have a port of their own.
            #expect(documented.subtracting(served) == ["GET /metrics"])
            // HEAD goes without saying, and so do routes that only refuse a method.
            for route in served.subtracting(documented) where !route.hasPrefix("HEAD ") {
                let status = try await status(of: route, server)
                #expect(status == .methodNotAllowed, "\(route) is not in the document")
            }
        }
    }

    @Test func `the document names this server and its version`() async throws {
        try await TestServer.run { server in
            let document = try await document(of: server)
            #expect(document["servers"] == [["url": "http://localhost:8080"]])
            #expect(document["info"]?["version"]?.string == Denwa.version)
        }
    }

    @Test func `any page may read the document, and browsers keep it for a while`() async throws {
        try await TestServer.run { server in
            let reply = try await server.get("/openapi.json")
            #expect(reply.headers[.accessControlAllowOrigin] == "*")
            #expect(reply.headers[.cacheControl] == "public, max-age=300")
            #expect(reply.headers[.contentType] == "application/json;charset=UTF-8")
        }
    }

    private func document(of server: TestServer) async throws -> JSONValue {
        let reply = try await server.get("/openapi.json")
        #expect(reply.status == .ok)
        return try #require(reply.body)
    }

    /// As the router writes them.
    private func routes(of document: JSONValue) throws -> Set<String> {
        let methods: Set = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
        let paths = try #require(document["paths"]?.object).members
        return Set(
            paths.flatMap { path in
                (path.value.object?.members ?? []).filter { methods.contains($0.name) }
                    .map { "\($0.name.uppercased()) \(path.name)" }
            })
    }

    private func status(of route: String, _ server: TestServer) async throws -> HTTPResponse.Status {
        let parts = route.split(separator: " ").map(String.init)
        let method = try #require(HTTPRequest.Method(parts[0]))
        return try await server.http.executeRequest(uri: parts[1], method: method, headers: [:], body: nil).status
    }
}
