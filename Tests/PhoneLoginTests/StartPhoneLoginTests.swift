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

@Suite struct StartPhoneLoginTests {
    @Test func `a valid request sends one text and says how to go on`() async throws {
        try await StartScene.withFlow { flow in
            let started = try await flow.start(StartScene.request)
            #expect(started.expiresInSeconds == 180)
            #expect(started.resendAfterSeconds == 30)
            #expect(started.codeLength == 6)
            #expect(Base64URL.decode(started.operationID)?.count == 16)

            let texts = try await flow.takeTexts()
            #expect(texts.count == 1)
            let text = try #require(texts.first)
            #expect(text.recipient == "+819012345678")
            #expect(text.template == .signInCode)
            #expect(text.clientID == "game")
            #expect(text.body.prefix(6).allSatisfy { $0.isASCII && $0.isNumber })
            #expect(text.expiresAt == .noon.adding(seconds: 180))
        }
    }

    static let countries: [(allowed: Set<String>, number: String, isAllowed: Bool)] = [
        ([], "+819012345678", true), (["JP"], "+819012345678", true), (["DE", "JP"], "+819012345678", true),
        (["DE"], "+819012345678", false), (["jp"], "+819012345678", false),
    ]

    @Test(arguments: countries)
    func `a number of a country that is not allowed gets no text`(
        _ row: (allowed: Set<String>, number: String, isAllowed: Bool)
    ) async throws {
        var settings = PhoneLoginSettings()
        settings.allowedCountries = row.allowed
        try await StartScene.withFlow(settings) { flow async throws in
            let refused = await flow.refusal(of: StartScene.request)
            #expect(refused == (row.isAllowed ? nil : .numberCannotReceiveTexts))
            #expect(try await flow.store.log().map(\.rule) == (row.isAllowed ? [] : ["allowedCountries"]))
        }
    }

    @Test func `while texts do not go out people are told at once, and nothing is counted`() async throws {
        try await StartScene.withFlow { flow in
            for _ in 0..<5 { _ = flow.routing.connectors[0].breaker.record(.unreachable, at: flow.clock.now) }
            #expect(await flow.refusal(of: StartScene.request) == .messagesUnavailable)
            #expect(try await flow.store.count("phone_challenge") == 0)
            #expect(try await flow.store.log().map(\.rule) == ["connectors"])
            // A cooldown that had counted would refuse this.
            flow.clock.advance(seconds: 15)
            _ = try await flow.start(StartScene.request)
        }
    }

    @Test func `a database that is gone opens nothing`() async throws {
        try await StartScene.withFlow { flow in
            try await flow.store.run("DROP TABLE message")
            #expect(await flow.refusal(of: StartScene.request) == .unavailable)
            #expect(try await flow.store.count("phone_operation") == 0)
        }
    }

    @Test func `a refused redirect and a refused number are lines in the log`() async throws {
        try await StartScene.withFlow { flow in
            var (redirect, number) = (StartScene.request, StartScene.request)
            redirect.redirectURI = "https://evil.example/"
            number.phoneNumber = "+81312345678"
            for request in [redirect, number] {
                _ = await flow.refusal(of: request)
            }
            let events = try await flow.store.log()
            #expect(events.map(\.kind) == [.redirectRefused, .numberRefused])
            #expect(events.map(\.rule) == [nil, "lineType"])
            #expect(events.map(\.phone) == [nil, "+81****678"])
        }
    }

    @Test func `a text speaks the person's language, then the client's`() async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        settings.sendPerNumber = nil
        var client = StartScene.client
        client.defaultLocale = "fr"
        try await withStore { store in
            let flow = try PhoneFlow(store: store, clients: [client], settings: settings)
            let wishes: [(ui: String?, header: String?, locale: String)] = [
                (nil, nil, "fr"), ("ja", nil, "ja"), ("xx ja", "de", "ja"), ("xx", "yy, ko;q=0.5, de;q=0.9", "de"),
                ("xx", "yy", "fr"),
            ]
            for wish in wishes {
                var request = StartScene.request
                request.uiLocales = wish.ui
                request.acceptLanguage = wish.header
                _ = try await flow.start(request)
                #expect(try await flow.takeTexts().map(\.locale) == [wish.locale])
            }
        }
    }

    @Test(arguments: ["https://game.example/link", "https://game.example/link?v=2"])
    func `a link leads to the registered page, with a token that the database does not know`(
        _ page: String
    ) async throws {
        try await StartScene.withFlow { flow in
            var request = StartScene.request
            request.sendLink = true
            request.linkURL = page
            let started = try await flow.start(request)
            let text = try #require(try await flow.takeTexts().first)
            #expect(text.template == .signInCodeAndLink)
            let separator = page.contains("?") ? "&" : "?"
            let link = "\(page)\(separator)operation_id=\(started.operationID)&link_token="
            let start = try #require(text.body.range(of: link))
            let token = String(text.body[start.upperBound...].prefix { !$0.isNewline })
            #expect(Base64URL.decode(token)?.count == 32)
            let digest = SHA256Digest(of: token)
            let row = try await flow.store.engine.read { connection in
                try await connection.first("SELECT link_digest FROM phone_operation")
            }
            #expect(try row?.blob(0) == digest.bytes)
        }
    }

    /// U+212A equals K to Swift; in a text it is another address.
    @Test func `a link is the registered page to the byte`() async throws {
        try await withStore { store in
            var client = StartScene.client
            client.linkURIs = [try known(RedirectURI("https://game.example/K"))]
            let flow = try PhoneFlow(store: store, clients: [client], settings: PhoneLoginSettings())
            var request = StartScene.request
            request.sendLink = true
            request.linkURL = "https://game.example/\u{212A}"
            #expect(await flow.refusal(of: request) == .linkNotRegistered)
        }
    }

    @Test func `what starts shows nothing of whether the number has an account`() async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        try await StartScene.withFlow(settings) { flow in
            try await PhoneLoginFixture().signIn(on: flow.store)
            let known = try await flow.start(StartScene.request)
            _ = try await flow.store.setDisabled(true, .number("+819012345678"), at: .noon)
            flow.clock.advance(seconds: 3600)
            let disabled = try await flow.start(StartScene.request)
            var request = StartScene.request
            request.phoneNumber = PhoneNumber.bob.e164
            let unknown = try await flow.start(request)
            for started in [known, disabled, unknown] {
                #expect(started.expiresInSeconds == 180)
                #expect(started.resendAfterSeconds == 0)
                #expect(started.operationID.utf8.count == 22)
            }
        }
    }
}
