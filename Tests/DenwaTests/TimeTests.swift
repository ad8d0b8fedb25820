import HTTPTypes
import JOSE
import PhoneLogin
import RateLimiting
import TestSupport
import Testing
import Time

@testable import denwa

/// Everything that depends on the clock, over HTTP and to the millisecond.
@Suite(.timeLimit(.minutes(1))) struct TimeTests {
    static let number = "+819012345678"

    @Test func `a code works to its last millisecond and not after`() async throws {
        try await TestServer.run { server in
            let (operation, code) = try await server.textedCode(Self.number)
            server.clock.advance(milliseconds: 179_999)
            #expect(try await server.confirm(operation, Self.number, code: "0").status == .unauthorized)
            server.clock.advance(milliseconds: 1)
            let late = try await server.confirm(operation, Self.number, code: code)
            #expect(late.status == .notFound)
            #expect(late.errorCode == "003-061")
        }
    }

    /// Attack 7: a clock that was set back gives a code no second life.
    @Test func `a finished code stays dead when the clock is set back`() async throws {
        try await TestServer.run { server in
            let (operation, code) = try await server.textedCode(Self.number)
            server.clock.advance(seconds: 60)
            #expect(try await server.confirm(operation, Self.number, code: code).status == .ok)
            server.clock.advance(seconds: -120)
            // Counters that lie in the future now are full, and drain as ever.
            #expect(try await server.confirm(operation, Self.number, code: code).status == .tooManyRequests)
            server.clock.advance(seconds: 1)
            #expect(try await server.confirm(operation, Self.number, code: code).status == .notFound)
        }
    }

    @Test func `a resend keeps code and expiry, and says what is left`() async throws {
        try await TestServer.run { server in
            let first = try await server.textedCode(Self.number)
            server.clock.advance(seconds: 100)
            let again = try await server.start(Self.number)
            #expect(again.body?["expires_in"]?.integer == 80)
            #expect(again.body?["operation_id"]?.string != first.operation)
            server.clock.advance(seconds: 79)
            let operation = try #require(again.body?["operation_id"]?.string)
            #expect(try await server.confirm(operation, Self.number, code: first.code).status == .ok)
        }
    }

    @Test func `an access token is active for its lifetime`() async throws {
        try await TestServer.run { server in
            let tokens = try await server.tokens(Self.number)
            server.clock.advance(seconds: 3599)
            #expect(try await server.isActive(tokens.access) == true)
            server.clock.advance(seconds: 1)
            #expect(try await server.isActive(tokens.access) == false)
        }
    }

    @Test func `a spent refresh token answers the same inside the grace and ends the family after it`() async throws {
        try await TestServer.run { server in
            let tokens = try await server.tokens(Self.number)
            let form = ["grant_type": "refresh_token", "refresh_token": tokens.refresh]
            let first = try await server.token(form)
            server.clock.advance(milliseconds: 29_999)
            let second = try await server.token(form)
            #expect(first.body?["refresh_token"] == second.body?["refresh_token"])
            let access = try #require(second.body?["access_token"]?.string)
            #expect(try await server.isActive(access) == true)
            server.clock.advance(milliseconds: 1)
            #expect(try await server.token(form).errorCode == "invalid_grant")
            #expect(try await server.isActive(access) == false)
            #expect(try await server.isActive(tokens.access) == false)
        }
    }

    @Test func `a refresh token that is not used for its lifetime is gone`() async throws {
        try await TestServer.run { server in
            let tokens = try await server.tokens(Self.number)
            server.clock.advance(seconds: 2_592_000)
            let reply = try await server.token(["grant_type": "refresh_token", "refresh_token": tokens.refresh])
            #expect(reply.status == .badRequest)
            #expect(reply.errorCode == "invalid_grant")
        }
    }

    @Test func `a device is known for 180 days after its last sign-in`() async throws {
        try await TestServer.run({ $0.phone.maxGuesses = 1 }) { server in
            let (operation, code) = try await server.textedCode(Self.number)
            let device = try #require(
                try await server.confirm(operation, Self.number, code: code).body?["device_id"]?.string)
            for (days, status) in [(179, HTTPResponse.Status.ok), (2, .tooManyRequests)] {
                server.clock.advance(seconds: days * 86_400)
                // A stranger burns the number's only guess, and with it the number's next code.
                let stranger = try await server.textedCode(Self.number)
                let wrong = stranger.code == "000000" ? "000001" : "000000"
                #expect(
                    try await server.confirm(stranger.operation, Self.number, code: wrong).errorCode == "003-049")
                #expect(try await server.start(Self.number, device: device).status == status)
            }
        }
    }
}
