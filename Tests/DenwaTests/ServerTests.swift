import DeveloperLog
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import PhoneLogin
import Storage
import TestSupport
import Testing

@testable import denwa

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test func `health says whether the server lives and can serve`() async throws {
        try await TestServer.run { server in
            for path in ["/health/live", "/health/ready"] {
                let reply = try await server.get(path)
                #expect(reply.status == .ok)
            }
        }
    }

    @Test func `the metadata names only routes that answer`() async throws {
        try await TestServer.run { server in
            let metadata = try await server.get("/.well-known/oauth-authorization-server")
            let members = try #require(metadata.body?.object).members
            for member in members where member.name.hasSuffix("_endpoint") || member.name == "jwks_uri" {
                let url = try #require(member.value.string)
                let path = try #require(url.split(separator: "8080").last)
                #expect(try await server.get(String(path)).status != .notFound, "\(member.name)")
            }
        }
    }

    /// When no text can leave, people are told so instead of waiting for it.
    @Test func `a start is answered 503 while every text fails, and texts leave when the way is free again`()
        async throws
    {
        try await TestServer.run({ configuration in
            let folder = configuration.clientsFile.dropLast("clients.json".count)
            configuration.connectors = [.file("\(folder)later/outbox.jsonl")]
            configuration.phone.sendPerIP = nil
        }) { server in
            var reply = try await server.start("+819012340000")
            #expect(reply.status == .ok)
            for index in 1..<500 where reply.status == .ok {
                server.clock.advance(seconds: 1)
                reply = try await server.start("+81901234\(1000 + index)")
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(reply.status == .serviceUnavailable)
            #expect(reply.errorCode == "004-001")
            #expect(reply.headers[try #require(HTTPField.Name("Retry-After"))] != nil)

            try FileManager.default.createDirectory(
                atPath: "\(server.folder)/later", withIntermediateDirectories: false)
            while reply.status != .ok {
                server.clock.advance(seconds: 5)
                try await Task.sleep(for: .milliseconds(50))
                reply = try await server.start("+819012349999")
            }
        }
    }

    @Test func `a bad client file leaves the running clients`() async throws {
        try await TestServer.run { server in
            try "{".write(toFile: "\(server.folder)/clients.json", atomically: true, encoding: .utf8)
            server.composition.reload()
            #expect(try await server.start("+819012345678").status == .ok)
        }
    }

    @Test func `the developer log holds what was refused, with a masked number and the request`() async throws {
        try await TestServer.run { server in
            let (operation, _) = try await server.textedCode("+819012345678")
            _ = try await server.confirm(operation, "+819012345678", code: "wrong")
            _ = try await server.start("+819012345678")
            let events = try await server.composition.store.events(matching: .init()).map(\.event)
            #expect(events.map(\.kind) == [.guessWrong, .sendRefused])
            #expect(events.allSatisfy { $0.phone == "+8190****5678" && $0.clientID == "game" && !$0.requestID.isEmpty })
            #expect(events[1].rule == "resendCooldown")
            #expect(events[1].retryAfterSeconds == 30)
        }
    }

    @Test func `metrics name routes, and nothing that a caller typed`() async throws {
        try await TestServer.run({ $0.metricsPort = 9 }) { server in
            _ = try await server.start("+819012345678")
            _ = try await server.get("/secret-path?code=123456")
            let responder = try #require(server.composition.metricsResponder)
            try await Application(responder: responder).test(.router) { metrics in
                let reply = try await metrics.executeRequest(uri: "/metrics", method: .get, headers: [:], body: nil)
                let text = String(buffer: reply.body)
                let route = "route=\"/oauth2/login/phone/request\",status=\"200\",le=\"+Inf\"} 1"
                #expect(text.contains(route))
                #expect(text.contains("route=\"NotFound\",status=\"404\""))
                #expect(text.contains("denwa_connector_available{connector=\"file\"} 1"))
                #expect(!text.contains("secret") && !text.contains("8190"))
            }
        }
    }
}
