import HTTPTypes
import JOSE
import OAuth
import TestSupport
import Testing
import Time

@testable import denwa

/// Attack 13: a number with a fixed code must not become a way around a text.
@Suite(.timeLimit(.minutes(1))) struct TestNumberTests {
    static let number = "+819012345678"
    static let clients = """
        {"clients": [{"client_id": "game", "redirect_uris": ["https://game.example/cb"], "test_numbers": [
          {"phone_number": "+819012345678", "code": "424242", "expires_at": \(Timestamp.noon.seconds + 100)}]}]}
        """

    private func subject(_ reply: TestServer.Reply, _ server: TestServer) async throws -> String {
        let url = try #require(reply.body?["login_url"]?.string)
        let code = try #require(url.split(separator: "code=").last?.prefix { $0 != "&" })
        let tokens = try await server.token(["grant_type": "authorization_code", "code": String(code)])
        let token = try UnverifiedJWS(try #require(tokens.body?["access_token"]?.string))
        return try #require(try JSONValue(parsing: token.payload)["sub"]?.string)
    }

    private func start(_ server: TestServer) async throws -> String {
        let reply = try await server.start(Self.number)
        return try #require(reply.body?["operation_id"]?.string)
    }

    @Test func `it signs in to an account of its own with its code, and no text is sent`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let tested = try await server.confirm(try await start(server), Self.number, code: "424242")
            let tester = try await subject(tested, server)
            #expect(server.texts(to: Self.number) == [])

            // After its end the number is its holder's alone, and texts go there.
            server.clock.advance(seconds: 100)
            let (operation, code) = try await server.textedCode(Self.number)
            let holder = try await subject(try await server.confirm(operation, Self.number, code: code), server)
            #expect(holder != tester)
        }
    }

    @Test func `an operation started before its end opens nothing after it`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let operation = try await start(server)
            server.clock.advance(seconds: 100)
            #expect(try await server.confirm(operation, Self.number, code: "424242").status == .notFound)
        }
    }

    @Test func `it counts against the limits`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            _ = try await start(server)
            #expect(try await server.start(Self.number).status == .tooManyRequests)
        }
    }

    @Test func `production takes only the ones it names`() async throws {
        for (allowed, codeWorks) in [(Set<String>(), false), ([Self.number], true)] {
            try await TestServer.run(
                clients: Self.clients,
                { configuration in
                    configuration.isProduction = true
                    configuration.allowedTestNumbers = allowed
                }
            ) { server in
                let reply = try await server.confirm(try await start(server), Self.number, code: "424242")
                #expect((reply.status == .ok) == codeWorks)
            }
        }
    }
}
