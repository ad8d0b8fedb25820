import HTTPTypes
import JOSE
import RateLimiting
import TestSupport
import Testing
import Time

@testable import denwa

/// The challenge endpoint is another door to the phone login, and no other house.
@Suite struct ChallengeTests {
    private let number = "+819012345678"
    private static let clients = """
        {"clients": [
          {"client_id": "game", "redirect_uris": ["https://game.example/cb"], "first_party": true},
          {"client_id": "third", "redirect_uris": ["https://third.example/cb"]}
        ]}
        """

    private var request: [String: String] {
        [
            "client_id": "game", "login_hint": number, "scope": "offline", "code_challenge": TestBrowser.challenge,
            "code_challenge_method": "S256",
        ]
    }

    private func text(_ server: TestServer, after count: Int) async throws -> String {
        while server.texts(to: number).count == count { try await Task.sleep(for: .milliseconds(2)) }
        return try #require(server.texts(to: number).last)
    }

    @Test func `a login costs as many acts of the database at either door`() async throws {
        let count = ActCount()
        try await TestServer.run(clients: Self.clients, engine: { CountingEngine(engine: $0, count: count) }) {
            server in
            let started = try await count.of(1) { try await server.start(number) }
            let operation = try #require(started.body?["operation_id"]?.string)
            let code = try await text(server, after: 0)
            _ = try await count.of(1) { try await server.confirm(operation, number, code: code) }

            server.clock.advance(seconds: 3600)
            let asked = try await count.of(1) { try await server.post("/oauth2/challenge", form: request) }
            #expect(asked.status == .badRequest)
            let session = try #require(asked.body?["auth_session"]?.string)
            let otp = try await text(server, after: 1)
            let answered = try await count.of(1) {
                try await server.post(
                    "/oauth2/challenge", form: ["client_id": "game", "auth_session": session, "otp": otp])
            }
            let authorizationCode = try #require(answered.body?["authorization_code"]?.string)
            let tokens = try await count.of(1) {
                try await server.token([
                    "grant_type": "authorization_code", "code": authorizationCode,
                    "code_verifier": TestBrowser.verifier,
                ])
            }
            #expect(tokens.body?["refresh_token"]?.string != nil)
        }
    }

    @Test func `what is used up at one door is used up at the other`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            _ = try await server.start(number)
            let refused = try await server.post("/oauth2/challenge", form: request)
            #expect(refused.status == .tooManyRequests, "the cooldown is the number's")
            server.clock.advance(seconds: 30)
            let asked = try await server.post("/oauth2/challenge", form: request)
            let session = try #require(asked.body?["auth_session"]?.string)
            let code = try await text(server, after: 1)
            #expect(Set(server.texts(to: number)) == [code], "one live code, whoever asks")
            for _ in 0..<5 {
                _ = try await server.post(
                    "/oauth2/challenge", form: ["client_id": "game", "auth_session": session, "otp": "000000"])
            }
            let late = try await server.post(
                "/oauth2/challenge", form: ["client_id": "game", "auth_session": session, "otp": code])
            #expect(late.errorCode == "invalid_session")
            server.clock.advance(seconds: 30)
            #expect(try await server.start(number).status == .tooManyRequests, "its guesses are the code's")
        }
    }

    @Test func `a resend keeps the session and what was asked for`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let asked = try await server.post("/oauth2/challenge", form: request)
            let session = try #require(asked.body?["auth_session"]?.string)
            _ = try await text(server, after: 0)
            server.clock.advance(seconds: 30)
            let again = try await server.post(
                "/oauth2/challenge", form: ["client_id": "game", "auth_session": session, "resend": "true"])
            #expect(again.body?["auth_session"]?.string == session)
            #expect(again.body?["expires_in"]?.integer == 150, "the code lives as long as it did")
            let code = try await text(server, after: 1)
            let answered = try await server.post(
                "/oauth2/challenge", form: ["client_id": "game", "auth_session": session, "otp": code])
            let authorizationCode = try #require(answered.body?["authorization_code"]?.string)
            let tokens = try await server.token([
                "grant_type": "authorization_code", "code": authorizationCode, "code_verifier": TestBrowser.verifier,
            ])
            #expect(tokens.body?["scope"]?.string == "offline")
        }
    }

    @Test func `an app of somebody else sends people to this server's pages`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let refused = try await server.post(
                "/oauth2/challenge", form: request.merging(["client_id": "third"]) { _, new in new })
            #expect(refused.errorCode == "unauthorized_client")
            #expect(server.texts(to: number).isEmpty)
        }
    }
}
