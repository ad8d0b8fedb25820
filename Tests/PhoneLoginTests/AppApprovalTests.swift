import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import PhoneLogin

/// An app that texted a link itself and waits for it.
@Suite(.timeLimit(.minutes(1))) struct AppApprovalTests {
    private func start(_ flow: PhoneFlow) async throws -> (PhoneLoginStarted, TextedLink) {
        var request = PhoneLoginRequest.valid
        request.sendLink = true
        request.linkURL = "https://game.example/link"
        let started = try await flow.start(request)
        return (started, try await flow.lastLink())
    }

    private func poll(
        _ flow: PhoneFlow, _ operation: String?, project: String? = "game", number: String? = PhoneNumber.alice.e164
    ) async throws(PhoneLoginError) -> String? {
        try await flow.flow.awaitApproval(
            projectID: project, number: number, operationID: operation, from: .home, at: flow.clock.now)
    }

    @Test func `an approval is worth a login, once, and is the same for every poll`() async throws {
        try await BrowserScene.withFlow { flow in
            let (started, link) = try await start(flow)
            #expect(try await poll(flow, started.operationID) == nil, "nobody has said yes")
            _ = try await flow.decide(true, link)
            let value = try #require(try await poll(flow, started.operationID))
            #expect(Base64URL.decode(value)?.count == 32)
            #expect(try await poll(flow, started.operationID) == value)

            let completed = try await flow.confirm(started, code: value)
            #expect(completed.loginURL.hasPrefix("https://game.example/callback?code="))
            #expect(await flow.refusal(of: value, for: started) == .operationUnknown)
            let over = await #expect(throws: PhoneLoginError.self) { try await poll(flow, started.operationID) }
            #expect(over.map(Refusal.init) == .operationUnknown)
        }
    }

    @Test func `an approval is of its operation, and of nothing before it was given`() async throws {
        try await BrowserScene.withFlow { flow in
            let (first, link) = try await start(flow)
            let (second, _) = try await start(flow)
            _ = try await flow.decide(true, link)
            let value = try #require(try await poll(flow, first.operationID))
            #expect(await flow.refusal(of: value, for: second) == .wrongCode)
            let forged = LinkApproval(secret: TestSecret.bytes).value(for: second.operationID)
            #expect(await flow.refusal(of: forged, for: second) == .wrongCode, "with the very key")
            _ = try await flow.confirm(first, code: value)
        }
    }

    @Test func `an app that waits hears of a yes, and of a no`() async throws {
        var settings = BrowserScene.settings
        settings.linkPollSeconds = 20
        try await BrowserScene.withFlow(settings) { flow in
            for isApproved in [true, false] {
                let (started, link) = try await start(flow)
                let clock = ContinuousClock()
                let begin = clock.now
                async let value = poll(flow, started.operationID)
                while flow.flow.waiting.count == 0 { try await Task.sleep(for: .milliseconds(1)) }
                _ = try await flow.decide(isApproved, link)
                do {
                    let approval = try await value
                    #expect(isApproved && approval != nil)
                } catch let error as PhoneLoginError {
                    #expect(!isApproved)
                    #expect(Refusal(error) == .operationUnknown)
                }
                #expect(clock.now - begin < .seconds(10), "it was not woken")
            }
        }
    }

    /// One deviation each from the poll that waits.
    static let refusals: [(name: String, refusal: Refusal, poll: [String?])] = [
        ("no project", .parameterMissing, [nil, "+819012345678", "operation"]),
        ("no number", .parameterMissing, ["game", nil, "operation"]),
        ("no operation", .parameterMissing, ["game", "+819012345678", nil]),
        ("an unknown project", .unknownClient, ["nobody", "+819012345678", "operation"]),
        ("another client", .operationUnknown, ["linkless", "+819012345678", "operation"]),
        ("another number", .operationUnknown, ["game", "+819098765432", "operation"]),
        ("no number at all", .operationUnknown, ["game", "nonsense", "operation"]),
        ("an unknown operation", .operationUnknown, ["game", "+819012345678", "nobody's"]),
    ]

    @Test(arguments: refusals)
    func `one deviation is refused at once`(_ row: (name: String, refusal: Refusal, poll: [String?])) async throws {
        try await BrowserScene.withFlow { flow in
            let (started, link) = try await start(flow)
            _ = try await flow.decide(true, link)
            let operation: String? = row.poll[2] == "operation" ? started.operationID : row.poll[2]
            let failure = await #expect(throws: PhoneLoginError.self) {
                try await poll(flow, operation, project: row.poll[0], number: row.poll[1])
            }
            #expect(failure.map(Refusal.init) == row.refusal)
            #expect(try await poll(flow, started.operationID) != nil)
        }
    }

    @Test func `a number with a trunk prefix is the number without it`() async throws {
        try await BrowserScene.withFlow { flow in
            let (started, link) = try await start(flow)
            _ = try await flow.decide(true, link)
            #expect(try await poll(flow, started.operationID, number: "+8109012345678") != nil)
        }
    }

    @Test func `a browser's sign-in is no app's to wait for`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            _ = try await flow.decide(true, try await flow.lastLink())
            let failure = await #expect(throws: PhoneLoginError.self) { try await poll(flow, signIn.operationID) }
            #expect(failure.map(Refusal.init) == .operationUnknown)
        }
    }
}
