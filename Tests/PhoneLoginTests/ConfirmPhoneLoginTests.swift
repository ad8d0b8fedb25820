import Accounts
import Cryptography
import DeveloperLog
import Foundation
import Messaging
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct ConfirmPhoneLoginTests {
    private static var machine: Client {
        var client = Client.fixture("machine", secret: "a long secret")
        client.grantTypes = [.clientCredentials]
        return client
    }

    private static let clients = [Client.fixture(), .fixture("another-game"), machine]

    private static var settings: PhoneLoginSettings {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        settings.sendPerNumber = nil
        return settings
    }

    private func withFlow(
        _ settings: PhoneLoginSettings = settings, clients: [Client] = clients,
        _ body: (PhoneFlow) async throws -> Void
    ) async throws {
        try await withStore { store in
            try await body(PhoneFlow(store: store, clients: clients, settings: settings))
        }
    }

    /// The code that was texted last.
    private func code(_ flow: PhoneFlow) async throws -> String {
        String(try known(try await flow.takeTexts().last).body.prefix(6))
    }

    private func other(than code: String) -> String { code == "000000" ? "111111" : "000000" }

    @Test func `the right code leads back to the client with a code and its state`() async throws {
        try await withFlow { flow in
            let started = try await flow.start()
            let completed = try await flow.confirm(started, code: try await code(flow))
            let url = try #require(URLComponents(string: completed.loginURL))
            #expect(completed.loginURL.hasPrefix("https://game.example/callback?code="))
            #expect(url.queryItems?.map(\.name) == ["code", "state"])
            #expect(url.queryItems?.last?.value == "a state of the client's")

            let authorizationCode = try #require(url.queryItems?.first?.value)
            #expect(Base64URL.decode(authorizationCode)?.count == 32)
            let client = TokenFixture()
            let grant = try await client.redeem(authorizationCode, on: flow.store, at: flow.clock.now).grant
            #expect(grant?.client == ClientID("game"))
            #expect(grant?.scope.text == "offline")
        }
    }

    /// One deviation each from the confirmation that succeeds.
    static let refusals: [(name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginConfirmation) -> Void)] =
        [
            ("no client", .parameterMissing, { $0.clientID = nil }),
            ("unknown client", .unknownClient, { $0.clientID = "nobody" }),
            ("a client without this grant", .clientNotAllowed, { $0.clientID = "machine" }),
            ("another client", .operationUnknown, { $0.clientID = "another-game" }),
            ("an empty code", .parameterMalformed, { $0.code = "" }),
            ("megabytes of code", .parameterMalformed, { $0.code = String(repeating: "1", count: 10_000_000) }),
            ("an empty operation", .parameterMalformed, { $0.operationID = "" }),
            ("an unknown operation", .operationUnknown, { $0.operationID = "nothing" }),
            (
                "megabytes of operation", .operationUnknown,
                { $0.operationID = String(repeating: "1", count: 1_000_000) }
            ),
            ("another number", .operationUnknown, { $0.phoneNumber = PhoneNumber.bob.e164 }),
            ("no number", .notAPhoneNumber, { $0.phoneNumber = "" }),
            ("a national number", .notAPhoneNumber, { $0.phoneNumber = "09012345678" }),
            ("a number with spaces", .notAPhoneNumber, { $0.phoneNumber = "+81 9012345678" }),
            ("a number in full-width digits", .notAPhoneNumber, { $0.phoneNumber = "+８１９０１２３４５６７８" }),
            ("a wrong code", .wrongCode, { $0.code = "x" }),
            (
                "a code in full-width digits", .wrongCode,
                { $0.code = String($0.code.unicodeScalars.map { Character(Unicode.Scalar($0.value + 0xFEE0) ?? $0) }) }
            ),
            ("a code with a space", .wrongCode, { $0.code += " " }),
            ("a code cut off", .wrongCode, { $0.code.removeLast() }),
        ]

    @Test(arguments: refusals)
    func `one deviation is refused, and the right confirmation still succeeds`(
        _ row: (name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginConfirmation) -> Void)
    ) async throws {
        try await withFlow { flow in
            let started = try await flow.start()
            let right = PhoneLoginConfirmation.valid(started, code: try await code(flow))
            var wrong = right
            row.change(&wrong)
            #expect(await flow.refusal(of: wrong) == row.refusal)
            #expect(try await flow.store.count("authorization_code") == 0)
            _ = try await flow.confirm(right)
        }
    }

    @Test func `a number with a trunk prefix is the number without it, in one guess`() async throws {
        var settings = Self.settings
        settings.confirmPerIP = Limit(count: 1, windowSeconds: 60)
        try await withFlow(settings) { flow in
            var request = PhoneLoginRequest.valid
            request.phoneNumber = "+8109012345678"
            let started = try await flow.start(request)
            var confirmation = PhoneLoginConfirmation.valid(started, code: try await code(flow))
            confirmation.phoneNumber = "+8109012345678"
            #expect(await flow.refusal(of: confirmation) == nil)
            #expect(try await flow.store.log().isEmpty)
            #expect(try await flow.store.account(.number(PhoneNumber.alice.e164)) != nil)
        }
    }

    @Test func `guesses run out, for the right code too`() async throws {
        try await withFlow { flow in
            let started = try await flow.start()
            let code = try await code(flow)
            let refusals = try await (0..<7).asyncMap { attempt in
                await flow.refusal(of: attempt < 5 ? other(than: code) : code, for: started)
            }
            #expect(
                refusals == [.wrongCode, .wrongCode, .wrongCode, .wrongCode, .noGuessLeft, .noGuessLeft, .noGuessLeft])
        }
    }

    @Test func `an operation is unknown from the second it expires, and after its success`() async throws {
        try await withFlow { flow in
            let first = try await flow.start()
            let firstCode = try await code(flow)
            flow.clock.advance(seconds: 180)
            #expect(await flow.refusal(of: firstCode, for: first) == .operationUnknown)

            let second = try await flow.start()
            let secondCode = try await code(flow)
            flow.clock.advance(milliseconds: 179_999)
            _ = try await flow.confirm(second, code: secondCode)
            #expect(await flow.refusal(of: secondCode, for: second) == .operationUnknown)
        }
    }

    @Test func `a resend says how long the code still lives, and the text too`() async throws {
        try await withFlow { flow in
            _ = try await flow.start()
            flow.clock.advance(milliseconds: 100_500)
            #expect(try await flow.start().expiresInSeconds == 80)
            let texts = try await flow.takeTexts().map(\.body)
            #expect(texts.count == 2)
            #expect(Set(texts.map { $0.prefix(6) }).count == 1)
            #expect(texts[0].contains("3 min"))
            #expect(texts[1].contains("1 min"))
        }
    }

    @Test func `an address has so many guesses and no more`() async throws {
        var settings = Self.settings
        settings.confirmPerIP = Limit(count: 3, windowSeconds: 60)
        try await withFlow(settings) { flow in
            let started = try await flow.start()
            let code = try await code(flow)
            for _ in 0..<3 {
                #expect(await flow.refusal(of: other(than: code), for: started) == .wrongCode)
            }
            #expect(await flow.refusal(of: code, for: started) == .limited(.confirmPerIP))
            flow.clock.advance(seconds: 20)
            _ = try await flow.confirm(started, code: code)
        }
    }

    @Test func `a number's budget is used up over operations, and its known device goes on`() async throws {
        var settings = Self.settings
        settings.guessesPerNumber = Limit(count: 2, windowSeconds: 3600)
        try await withFlow(settings) { flow in
            let first = try await flow.start()
            let device = try await flow.confirm(first, code: try await code(flow)).deviceID

            // A stranger burns what the number has.
            for _ in 0..<2 {
                flow.clock.advance(seconds: 1)
                let attack = try await flow.start()
                let code = try await code(flow)
                #expect(await flow.refusal(of: other(than: code), for: attack) == .wrongCode)
            }
            let stranger = try await flow.start()
            let strangersCode = try await code(flow)
            #expect(await flow.refusal(of: strangersCode, for: stranger) == .limited(.guessesPerNumber))

            var request = PhoneLoginRequest.valid
            request.deviceID = device
            let started = try await flow.start(request)
            var confirmation = PhoneLoginConfirmation.valid(started, code: try await code(flow))
            confirmation.deviceID = device
            let renewed = try await flow.confirm(confirmation).deviceID
            let devices = DeviceRecognition(secret: TestSecret.bytes, entropy: .seeded(9))
            let number = PhoneNumber.alice.e164
            #expect(
                devices.recognize(renewed, number: number, at: flow.clock.now)
                    == devices.recognize(device, number: number, at: flow.clock.now))
        }
    }

    @Test func `a known device sends at its own expense too`() async throws {
        var settings = Self.settings
        settings.sendPerNumber = Limit(count: 2, windowSeconds: 3600)
        try await withFlow(settings) { flow in
            let device = try await flow.confirm(try await flow.start(), code: try await code(flow)).deviceID
            _ = try await flow.start()
            #expect(await flow.refusal(of: .valid) == .limited(.sendPerNumber))
            var request = PhoneLoginRequest.valid
            request.deviceID = device
            for _ in 0..<2 { _ = try await flow.start(request) }
            #expect(await flow.refusal(of: request) == .limited(.sendPerNumber))
        }
    }

    /// The holder's budgets would have no end: every login with the fixed code would make one more known device.
    @Test func `a test number's code makes no device known to the number's holder`() async throws {
        let file = try ClientFile(
            parsing: Array(
                """
                {"clients": [
                  {"client_id": "game", "redirect_uris": ["https://game.example/callback"], "test_numbers": [
                    {"phone_number": "\(PhoneNumber.alice.e164)", "code": "424242",
                     "expires_at": \(Timestamp.noon.seconds + 3600)}]},
                  {"client_id": "another-game", "redirect_uris": ["https://game.example/callback"]}
                ]}
                """.utf8))
        try await withFlow(clients: file.clients) { flow in
            let tested = try await flow.confirm(try await flow.start(), code: "424242")
            #expect(try await flow.takeTexts().isEmpty)

            var request = PhoneLoginRequest.valid
            request.clientID = "another-game"
            request.deviceID = tested.deviceID
            _ = try await flow.start(request)
            let known = "client_id = 'another-game' AND device <> ''"
            #expect(try await flow.store.count("phone_challenge", where: known) == 0)
        }
    }

    @Test func `a disabled account is told so, to whoever holds its phone`() async throws {
        try await withFlow { flow in
            _ = try await flow.confirm(try await flow.start(), code: try await code(flow))
            _ = try await flow.store.setDisabled(true, .number(PhoneNumber.alice.e164), at: flow.clock.now)
            let started = try await flow.start()
            let code = try await code(flow)
            #expect(await flow.refusal(of: other(than: code), for: started) == .wrongCode)
            #expect(await flow.refusal(of: code, for: started) == .accountDisabled)
        }
    }

    @Test func `a redirect that was withdrawn meanwhile is not followed`() async throws {
        try await withFlow { flow in
            let started = try await flow.start()
            let code = try await code(flow)
            flow.registry.replace(with: [.fixture(redirectURIs: ["https://game.example/new"])])
            #expect(await flow.refusal(of: code, for: started) == .operationUnknown)
        }
    }

    @Test func `a database that is gone confirms nothing`() async throws {
        try await withFlow { flow in
            let started = try await flow.start()
            let code = try await code(flow)
            try await flow.store.run("DROP TABLE token_grant")
            #expect(await flow.refusal(of: code, for: started) == .unavailable)
            #expect(try await flow.store.count("phone_challenge") == 1, "nothing of the act remains")
            #expect(try await flow.store.count("account") == 0)
        }
    }

    @Test func `the log of a whole attack names the rules and shows no code, token or number`() async throws {
        try await withFlow { flow in
            var secrets: [String] = [PhoneNumber.alice.e164]
            for _ in 0..<3 {
                let started = try await flow.start()
                let code = try await code(flow)
                secrets += [code, started.operationID]
                for _ in 0..<6 {
                    _ = await flow.refusal(of: other(than: code), for: started)
                }
                flow.clock.advance(seconds: 180)
            }
            let events = try await flow.store.log()
            #expect(Set(events.map(\.rule)) == ["guessesPerOperation", "guessesPerNumber"])
            for secret in secrets {
                #expect(events.allSatisfy { !"\($0)".contains(secret) })
            }
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Mapped>(_ transform: (Element) async throws -> Mapped) async throws -> [Mapped] {
        var mapped: [Mapped] = []
        for element in self { mapped.append(try await transform(element)) }
        return mapped
    }
}
