import Accounts
import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// What strangers may ask for at any name: they learn nothing, and everybody's limits are alike (attack 21).
@Suite(.timeLimit(.minutes(2))) struct QuietRequestTests {
    /// A request that a stranger makes of some account.
    struct Request: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let make: @Sendable (AccountScene, LoginIdentifier) async throws(AccountError) -> Void
    }

    static let requests: [Request] = [
        Request(testDescription: "reset by text") { (scene, account) async throws(AccountError) in
            try await scene.flow.requestReset(
                of: account, by: .phone, client: scene.client, locales: [], from: .home, at: scene.now)
        },
        Request(testDescription: "reset by e-mail") { (scene, account) async throws(AccountError) in
            try await scene.flow.requestReset(
                of: account, by: .email, client: scene.client, locales: [], from: .home, at: scene.now)
        },
        Request(testDescription: "reset token") { (scene, account) async throws(AccountError) in
            try await scene.flow.requestResetToken(
                of: account, to: { profile, _ in profile.email.flatMap { EmailAddress($0.text) } }, properties: [],
                client: scene.client, locales: [], from: .home, at: scene.now)
        },
        Request(testDescription: "text again") { (scene, account) async throws(AccountError) in
            try await scene.flow.resendNumberCode(
                quietly: account, client: scene.client, locales: [], from: .home, at: scene.now)
        },
        Request(testDescription: "mail again") { (scene, account) async throws(AccountError) in
            try await scene.flow.resendEmailCode(
                quietly: account, client: scene.client, locales: [], from: .home, at: scene.now)
        },
    ]

    /// Alice has what a request needs; Bob has nothing, and nobody has the third name.
    private func populate(_ scene: AccountScene) async throws {
        try await scene.registerAlice()
        _ = try await scene.register(scene.request("bob"))
        var waiting = scene.request("waiting")
        (waiting.number, waiting.email) = ("+819011112222", "w@example.com")
        (waiting.verifiesNumber, waiting.verifiesEmail) = (true, true)
        _ = try await scene.register(waiting)
        let disabled = try await scene.register(scene.request("disabled"))
        try await scene.flow.setDisabled(true, disabled.id, from: .home, at: scene.now)
        scene.phone.clock.advance(seconds: 3600)
    }

    private func refusals(
        of request: Request, _ name: String, times: Int, in scene: AccountScene
    ) async throws -> [AccountRefusal?] {
        let account = try LoginIdentifier.named(name)
        var refusals: [AccountRefusal?] = []
        for _ in 0..<times {
            refusals.append(await refusal { () throws(AccountError) in try await request.make(scene, account) })
        }
        return refusals
    }

    @Test(arguments: requests)
    func `every name gets the same answers, whoever has it`(_ request: Request) async throws {
        try await withStore { store in
            let scene = try AccountScene(store: store)
            try await populate(scene)
            let expected: [AccountRefusal?] =
                [nil]
                + Array(
                    repeating: .limited(.requestCooldown, retryAfterSeconds: 30), count: 2)
            for name in ["Alice", "bob", "waiting", "disabled", "nobody"] {
                #expect(try await refusals(of: request, name, times: 3, in: scene) == expected, "of \(name)")
            }
            scene.phone.clock.advance(seconds: 30)
            for name in ["Alice", "nobody"] {
                #expect(try await refusals(of: request, name, times: 1, in: scene) == [nil])
            }
        }
    }

    @Test(arguments: requests)
    func `an address asks so often and no more, whoever is meant`(_ request: Request) async throws {
        for names in [["Alice", "bob", "waiting"], ["none", "nobody", "another"]] {
            try await withStore { store in
                var settings = AccountSettings()
                settings.passwordPerIP = Limit(count: 2, windowSeconds: 60)
                let scene = try AccountScene(store: store, settings: settings)
                try await populate(scene)
                var told: [AccountRefusal?] = []
                for name in names { told += try await refusals(of: request, name, times: 1, in: scene) }
                #expect(told == [nil, nil, .limited(.passwordPerIP, retryAfterSeconds: 30)])
            }
        }
    }

    @Test(arguments: requests)
    func `it takes its time, whoever is meant`(_ request: Request) async throws {
        try await withStore { store in
            let even = Duration.milliseconds(300)
            let scene = try AccountScene(store: store, evenDuration: even)
            try await populate(scene)
            for name in ["Alice", "waiting", "nobody"] {
                let start = ContinuousClock.now
                #expect(try await refusals(of: request, name, times: 1, in: scene) == [nil])
                #expect(ContinuousClock.now - start >= even, "of \(name)")
            }
        }
    }

    @Test func `a message goes to whom it is for, and to nobody else`() async throws {
        let recipients: [[String: [String]]] = [
            ["Alice": ["+819012345678"]], ["Alice": ["alice@example.com"]], ["Alice": ["alice@example.com"]],
            ["waiting": ["+819011112222"]], ["waiting": ["w@example.com"]],
        ]
        for (request, recipients) in zip(Self.requests, recipients) {
            try await withStore { store in
                let scene = try AccountScene(store: store)
                try await populate(scene)
                _ = try await scene.phone.takeTexts()
                for name in ["Alice", "bob", "waiting", "disabled", "nobody"] {
                    _ = try await refusals(of: request, name, times: 1, in: scene)
                    let sent = try await scene.phone.takeTexts().map(\.recipient)
                    #expect(sent == recipients[name] ?? [], "\(request.testDescription) of \(name)")
                }
            }
        }
    }

    @Test func `what a stranger asks for of others costs their own sign-in the same, whoever is meant`() async throws {
        var outcomes: [String] = []
        for name in ["Alice", "nobody"] {
            try await withStore { store in
                var settings = PhoneLoginSettings.tenDigits
                settings.sendPerIP = Limit(count: 1, windowSeconds: 3600)
                let scene = try AccountScene(store: store, phoneSettings: settings)
                try await populate(scene)
                _ = try await refusals(of: Self.requests[0], name, times: 1, in: scene)
                var login = PhoneLoginRequest.valid
                login.phoneNumber = "+819098765432"
                do throws(PhoneLoginError) {
                    _ = try await scene.phone.start(login)
                    outcomes.append("started")
                } catch {
                    outcomes.append("refused")
                }
            }
        }
        #expect(outcomes[0] == outcomes[1])
    }
}
