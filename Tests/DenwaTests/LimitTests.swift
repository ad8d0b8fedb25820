import HTTPTypes
import JOSE
import PhoneLogin
import RateLimiting
import TestSupport
import Testing

@testable import denwa

/// Every limit of the configuration: how many pass, what the next one is told, and when it passes again.
@Suite(.timeLimit(.minutes(1))) struct LimitTests {
    static let retryAfter = HTTPField.Name("Retry-After")
    static let policy = HTTPField.Name("RateLimit-Policy")
    static let rateLimit = HTTPField.Name("RateLimit")

    private static func number(_ index: Int) -> String { "+81901234\(1000 + index)" }

    private func expectRefusal(_ reply: TestServer.Reply, _ name: String, _ limit: Limit, after seconds: Int) throws {
        #expect(reply.status == .tooManyRequests)
        #expect(reply.headers[try #require(Self.retryAfter)] == "\(seconds)")
        #expect(reply.headers[try #require(Self.policy)] == "\"\(name)\";q=\(limit.count);w=\(limit.windowSeconds)")
        #expect(reply.headers[try #require(Self.rateLimit)] == "\"\(name)\";r=0;t=\(seconds)")
        #expect(reply.headers[.cacheControl] == "no-store")
    }

    @Test func `a number gets one text a cooldown`() async throws {
        try await TestServer.run { server in
            #expect(try await server.start(Self.number(0)).status == .ok)
            let refused = try await server.start(Self.number(0))
            try expectRefusal(
                refused, "resendCooldown", try #require(Limit(count: 1, windowSeconds: 30)), after: 30)
            #expect(refused.errorCode == "002-057")
            #expect(refused.body?["error"]?["details"]?["retry_after"]?.integer == 30)
            #expect(try await server.start(Self.number(1)).status == .ok)
            server.clock.advance(seconds: 30)
            #expect(try await server.start(Self.number(0)).status == .ok)
        }
    }

    @Test func `a number gets its texts an hour`() async throws {
        try await TestServer.run { server in
            for _ in 0..<5 {
                #expect(try await server.start(Self.number(0)).status == .ok)
                server.clock.advance(seconds: 30)
            }
            let limit = try #require(Limit(count: 5, windowSeconds: 3600))
            try expectRefusal(try await server.start(Self.number(0)), "sendPerNumber", limit, after: 570)
            server.clock.advance(seconds: 570)
            #expect(try await server.start(Self.number(0)).status == .ok)
        }
    }

    @Test func `an address asks for its texts, whatever the numbers`() async throws {
        try await TestServer.run({ $0.phone.sendPerIP = Limit(count: 3, windowSeconds: 60) }) { server in
            for index in 0..<3 { #expect(try await server.start(Self.number(index)).status == .ok) }
            let limit = try #require(Limit(count: 3, windowSeconds: 60))
            try expectRefusal(try await server.start(Self.number(3)), "sendPerIP", limit, after: 20)
        }
    }

    /// Attack 16: what one limit refuses does not use up another that other people need.
    @Test func `a flood at one number leaves its client's budget alone`() async throws {
        try await TestServer.run({ $0.phone.sendPerClient = Limit(count: 2, windowSeconds: 60) }) { server in
            #expect(try await server.start(Self.number(0)).status == .ok)
            for _ in 0..<50 { #expect(try await server.start(Self.number(0)).status == .tooManyRequests) }
            #expect(try await server.start(Self.number(1)).status == .ok)
            let limit = try #require(Limit(count: 2, windowSeconds: 60))
            try expectRefusal(try await server.start(Self.number(2)), "sendPerClient", limit, after: 30)
        }
    }

    @Test func `an address confirms so often`() async throws {
        try await TestServer.run({ $0.phone.confirmPerIP = Limit(count: 2, windowSeconds: 10) }) { server in
            for _ in 0..<2 {
                #expect(try await server.confirm("none", Self.number(0), code: "1").status == .notFound)
            }
            let limit = try #require(Limit(count: 2, windowSeconds: 10))
            try expectRefusal(
                try await server.confirm("none", Self.number(0), code: "1"), "confirmPerIP", limit, after: 5)
        }
    }

    @Test func `a number is guessed at so often, over all its operations`() async throws {
        try await TestServer.run { server in
            server.clock.advance(seconds: 1)
            for _ in 0..<2 {
                let (operation, _) = try await server.textedCode(Self.number(0))
                for _ in 0..<5 { _ = try await server.confirm(operation, Self.number(0), code: "wrong") }
                server.clock.advance(seconds: 180)
            }
            let (operation, code) = try await server.textedCode(Self.number(0))
            // Ten guesses in six minutes: one has come back.
            #expect(try await server.confirm(operation, Self.number(0), code: "wrong").status == .unauthorized)
            let limit = try #require(Limit(count: 10, windowSeconds: 3600))
            try expectRefusal(
                try await server.confirm(operation, Self.number(0), code: code), "guessesPerNumber", limit, after: 360)
        }
    }

    @Test func `a client gets its tokens a minute, and made-up codes do not count`() async throws {
        try await TestServer.run({ $0.tokenPerClient = Limit(count: 2, windowSeconds: 60) }) { server in
            let tokens = try await server.tokens(Self.number(0))
            for _ in 0..<10 {
                let forged = try await server.token(["grant_type": "authorization_code", "code": "made up"])
                #expect(forged.errorCode == "invalid_grant")
            }
            let second = try await server.token(["grant_type": "refresh_token", "refresh_token": tokens.refresh])
            let successor = try #require(second.body?["refresh_token"]?.string)
            let refused = try await server.token(["grant_type": "refresh_token", "refresh_token": successor])
            let limit = try #require(Limit(count: 2, windowSeconds: 60))
            try expectRefusal(refused, "tokenPerClient", limit, after: 30)
            // A refusal spends nothing.
            server.clock.advance(seconds: 30)
            #expect(
                try await server.token(["grant_type": "refresh_token", "refresh_token": successor]).status == .ok)
        }
    }

    /// A holder who banks devices must not be able to text or guess without end.
    @Test func `ten devices of one number are texted no more often than one`() async throws {
        try await TestServer.run({ $0.phone.sendPerNumber = Limit(count: 3, windowSeconds: 3600) }) { server in
            var devices: [String] = []
            for _ in 0..<3 {
                let (operation, code) = try await server.textedCode(Self.number(0))
                let reply = try await server.confirm(operation, Self.number(0), code: code)
                devices.append(try #require(reply.body?["device_id"]?.string))
                server.clock.advance(seconds: 30)
            }
            var texts = 0
            for device in devices + devices {
                if try await server.start(Self.number(0), device: device).status == .ok { texts += 1 }
                server.clock.advance(seconds: 30)
            }
            #expect(texts == 3)
        }
    }
}
