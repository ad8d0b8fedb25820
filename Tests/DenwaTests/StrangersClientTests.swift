import Foundation
import HTTPTypes
import JOSE
import OAuth
import TestSupport
import Testing
import Time

@testable import denwa

/// What a client that registered itself does not get of the operator's.
@Suite struct StrangersClientTests {
    private let number = "+819012345678"

    private func withStranger(
        _ members: JSONObject = [:], _ body: @Sendable (TestServer, _ clientID: String) async throws -> Void
    ) async throws {
        try await TestServer.run({ $0.registration.mode = .open }) { server in
            var metadata: JSONObject = [
                "client_name": "Call 0120 999", "redirect_uris": ["https://stranger.example/cb"],
                "token_endpoint_auth_method": "none",
                "post_logout_redirect_uris": ["https://stranger.example/bye"],
            ]
            for member in members.members { metadata[member.name] = member.value }
            let reply = try await server.post("/oauth2/register", json: .object(metadata))
            try await body(server, try #require(reply.body?["client_id"]?.string))
        }
    }

    @Test func `a stranger's words are not in a text`() async throws {
        try await withStranger { server, id in
            let browser = TestBrowser(server)
            _ = try await browser.typeNumber(number, at: TestBrowser.authorizePath(client: id))
            while server.texts(to: number).isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            let outbox = try String(contentsOfFile: "\(server.folder)/outbox.jsonl", encoding: .utf8)
            #expect(outbox.contains("Denwa"))
            #expect(!outbox.contains("0120"))
        }
    }

    @Test func `nobody is sent to a stranger's address before they did something here`() async throws {
        try await withStranger { server, id in
            let browser = TestBrowser(server)
            let wrong = TestBrowser.authorizePath(client: id).replacing(
                "response_type=code", with: "response_type=token")
            let page = try await browser.get(wrong)
            #expect(page.status == .badRequest)
            #expect(page.location == nil)
            let bye = "post_logout_redirect_uri=https%3A%2F%2Fstranger.example%2Fbye"
            let out = try await browser.get("/oauth2/end_session?client_id=\(id)&\(bye)")
            #expect(out.location == nil)
        }
    }

    @Test func `a stranger's app is a sector of its own`() async throws {
        try await withStranger(["subject_type": "pairwise"]) { server, id in
            let client = try #require(try await server.composition.registry.find(ClientID(id), at: .noon))
            #expect(client.subjectType == .pairwise)
            #expect(client.sectorIdentifier == nil)
        }
    }
}

/// Ways in that ask for less than a client promised.
@Suite struct PromisedClientTests {
    @Test(arguments: ["require_pushed_authorization_requests", "require_signed_request_object"])
    func `a client that promised more does not start a login by itself`(_ promise: String) async throws {
        let clients = """
            {"clients": [{"client_id": "game", "redirect_uris": ["https://game.example/cb"], "\(promise)": true,
              "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}]}
            """
        try await TestServer.run(clients: clients) { server in
            let reply = try await server.start("+819012345678")
            #expect(reply.status.kind == .clientError)
            #expect(server.texts(to: "+819012345678").isEmpty)
        }
    }
}
