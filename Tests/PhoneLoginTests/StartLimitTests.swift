import Accounts
import Cryptography
import DeveloperLog
import Foundation
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct StartLimitTests {
    static let limits: [(name: LimitName, change: @Sendable (inout PhoneLoginSettings) -> Void)] = [
        (.sendPerNumber, { $0.sendPerNumber = Limit(count: 1, windowSeconds: 3600) }),
        (.sendPerIP, { $0.sendPerIP = Limit(count: 1, windowSeconds: 3600) }),
        (.sendPerClient, { $0.sendPerClient = Limit(count: 1, windowSeconds: 3600) }),
        (.resendCooldown, { $0.resendCooldownSeconds = 3600 }),
    ]

    @Test(arguments: limits)
    func `each limit refuses the second text, and the log names it`(
        _ row: (name: LimitName, change: @Sendable (inout PhoneLoginSettings) -> Void)
    ) async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        row.change(&settings)
        try await StartScene.withFlow(settings) { flow in
            _ = try await flow.start(StartScene.request)
            #expect(await flow.refusal(of: StartScene.request) == .limited(row.name))
            #expect(try await flow.store.log().map(\.rule) == [row.name.rawValue])
            #expect(try await flow.store.count("message") == 1)
            flow.clock.advance(seconds: 3600)
            _ = try await flow.start(StartScene.request)
        }
    }

    @Test func `a flood at one number leaves its client's limit to others`() async throws {
        var settings = PhoneLoginSettings()
        settings.sendPerClient = Limit(count: 2, windowSeconds: 3600)
        try await StartScene.withFlow(settings) { flow in
            _ = try await flow.start(StartScene.request)
            for _ in 0..<50 {
                #expect(await flow.refusal(of: StartScene.request) == .limited(.resendCooldown))
            }
            var bob = StartScene.request
            bob.phoneNumber = PhoneNumber.bob.e164
            _ = try await flow.start(bob)
        }
    }

    @Test func `limits that are off do not exist`() async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        settings.sendPerNumber = nil
        settings.sendPerIP = nil
        settings.sendPerClient = nil
        try await StartScene.withFlow(settings) { flow in
            for _ in 0..<30 { _ = try await flow.start(StartScene.request) }
            #expect(try await flow.store.count("rate_limit") == 0)
        }
    }

    @Test func `a code without a guess left is a limit until it expires`() async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        settings.maxGuesses = 1
        try await StartScene.withFlow(settings) { flow in
            let started = try await flow.start(StartScene.request)
            #expect(await flow.refusal(of: "wrong", for: started) == .noGuessLeft)
            flow.clock.advance(seconds: 60)
            do throws(PhoneLoginError) {
                _ = try await flow.start(StartScene.request)
                Issue.record("no text may leave for a code without guesses")
            } catch {
                guard case .limited(let refusal) = error else {
                    Issue.record("it must look like any limit")
                    return
                }
                #expect(refusal.name == .guessesPerOperation)
                #expect(refusal.retryAfterSeconds == 120)
            }
        }
    }
}
