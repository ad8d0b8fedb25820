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
    /// Two redirects, so that one must be named; a link page; a scope of its own.
    private static var client: Client {
        var client = Client.fixture(redirectURIs: ["https://game.example/callback", "https://game.example/other"])
        client.linkURIs = [RedirectURI("https://game.example/link"), RedirectURI("https://game.example/link?v=2")]
            .compactMap(\.self)
        client.scope = Scope("offline profile")
        return client
    }

    private static var machine: Client {
        var client = Client.fixture("machine", secret: "a long secret")
        client.grantTypes = [.clientCredentials]
        return client
    }

    private static var careful: Client {
        var client = client
        client.id = ClientID("careful")
        client.requiresPKCE = true
        return client
    }

    private static var request: PhoneLoginRequest {
        var request = PhoneLoginRequest.valid
        request.redirectURI = "https://game.example/callback"
        return request
    }

    private func withFlow(
        _ settings: PhoneLoginSettings = PhoneLoginSettings(), _ body: (PhoneFlow) async throws -> Void
    ) async throws {
        try await withStore { store in
            try await body(
                PhoneFlow(store: store, clients: [Self.client, Self.machine, Self.careful], settings: settings))
        }
    }

    @Test func `a valid request sends one text and says how to go on`() async throws {
        try await withFlow { flow in
            let started = try await flow.start(Self.request)
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

    static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    /// One deviation each from a request that sends a text.
    static let refusals: [(name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)] = [
        ("no client", .parameterMissing, { $0.clientID = nil }),
        ("unknown client", .unknownClient, { $0.clientID = "nobody" }),
        ("client in capitals", .unknownClient, { $0.clientID = "GAME" }),
        ("a client without this grant", .clientNotAllowed, { $0.clientID = "machine" }),
        ("no response type", .parameterMissing, { $0.responseType = nil }),
        ("implicit", .parameterMalformed, { $0.responseType = "token" }),
        ("hybrid", .parameterMalformed, { $0.responseType = "code token" }),
        ("no state", .stateMissingOrShort, { $0.state = nil }),
        ("a short state", .stateMissingOrShort, { $0.state = "1234567" }),
        ("an endless state", .stateMissingOrShort, { $0.state = String(repeating: "s", count: 1025) }),
        ("no redirect of two", .redirectMissing, { $0.redirectURI = nil }),
        ("a strange redirect", .redirectNotRegistered, { $0.redirectURI = "https://evil.example/" }),
        ("a longer redirect", .redirectNotRegistered, { $0.redirectURI = "https://game.example/callback/.." }),
        ("a malformed scope", .parameterMalformed, { $0.scope = "off\tline" }),
        ("a wider scope", .parameterMalformed, { $0.scope = "offline admin" }),
        ("a method without a challenge", .parameterMissing, { $0.codeChallengeMethod = "S256" }),
        ("a challenge without a method", .parameterMalformed, { $0.codeChallenge = challenge }),
        (
            "plain", .parameterMalformed,
            {
                $0.codeChallenge = challenge
                $0.codeChallengeMethod = "plain"
            }
        ),
        (
            "a challenge that is none", .parameterMalformed,
            {
                $0.codeChallenge = "short"
                $0.codeChallengeMethod = "S256"
            }
        ),
        ("no challenge where one is required", .parameterMissing, { $0.clientID = "careful" }),
        ("a link without a page", .linkNotRegistered, { $0.sendLink = true }),
        (
            "a link to a strange page", .linkNotRegistered,
            {
                $0.sendLink = true
                $0.linkURL = "https://evil.example/link"
            }
        ),
        (
            "a link to a page with more behind it", .linkNotRegistered,
            {
                $0.sendLink = true
                $0.linkURL = "https://game.example/link&x=1"
            }
        ),
        ("no number", .parameterMissing, { $0.phoneNumber = nil }),
        ("an empty number", .notAPhoneNumber, { $0.phoneNumber = "" }),
        ("a national number", .notAPhoneNumber, { $0.phoneNumber = "09012345678" }),
        ("a number with spaces", .notAPhoneNumber, { $0.phoneNumber = "+81 90 1234 5678" }),
        ("a number in full-width digits", .notAPhoneNumber, { $0.phoneNumber = "+８１９０１２３４５６７８" }),
        ("a number with an extension", .notAPhoneNumber, { $0.phoneNumber = "+819012345678;ext=1" }),
        ("a number with NUL", .notAPhoneNumber, { $0.phoneNumber = "+819012345678\u{0}" }),
        ("a number nobody can have", .notAPhoneNumber, { $0.phoneNumber = "+81000000000" }),
        ("a line without texts", .numberCannotReceiveTexts, { $0.phoneNumber = "+81312345678" }),
        ("a premium line", .numberCannotReceiveTexts, { $0.phoneNumber = "+81990123456" }),
    ]

    @Test(arguments: refusals)
    func `one deviation is refused, costs nothing and sends nothing`(
        _ row: (name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)
    ) async throws {
        try await withFlow { flow async throws in
            var request = Self.request
            row.change(&request)
            #expect(await flow.refusal(of: request) == row.refusal)
            #expect(try await flow.store.count("message") == 0)
            #expect(try await flow.store.count("rate_limit") == 0)
            #expect(try await flow.store.count("phone_operation") == 0)
        }
    }

    /// Requests with several faults: the first in this order is the one that is told.
    static let orders: [(name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)] = [
        (
            "the client before everything", .unknownClient,
            {
                $0.clientID = "nobody"
                $0.responseType = "token"
                $0.state = nil
                $0.redirectURI = "https://evil.example/"
            }
        ),
        (
            "the state before the redirect", .stateMissingOrShort,
            {
                $0.state = nil
                $0.redirectURI = "https://evil.example/"
                $0.scope = "\""
            }
        ),
        (
            "the redirect before the scope", .redirectNotRegistered,
            {
                $0.redirectURI = "https://evil.example/"
                $0.scope = "\""
                $0.phoneNumber = nil
            }
        ),
        (
            "the parameters before the number", .linkNotRegistered,
            {
                $0.sendLink = true
                $0.phoneNumber = "nonsense"
            }
        ),
    ]

    @Test(arguments: orders)
    func `of several faults the first one is told`(
        _ row: (name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)
    ) async throws {
        try await withFlow { flow async throws in
            var request = Self.request
            row.change(&request)
            #expect(await flow.refusal(of: request) == row.refusal)
            #expect(try await flow.store.count("message") == 0)
        }
    }

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
        try await withFlow(settings) { flow in
            _ = try await flow.start(Self.request)
            #expect(await flow.refusal(of: Self.request) == .limited(row.name))
            #expect(try await flow.store.log().map(\.rule) == [row.name.rawValue])
            #expect(try await flow.store.count("message") == 1)
            flow.clock.advance(seconds: 3600)
            _ = try await flow.start(Self.request)
        }
    }

    @Test func `a flood at one number leaves its client's limit to others`() async throws {
        var settings = PhoneLoginSettings()
        settings.sendPerClient = Limit(count: 2, windowSeconds: 3600)
        try await withFlow(settings) { flow in
            _ = try await flow.start(Self.request)
            for _ in 0..<50 {
                #expect(await flow.refusal(of: Self.request) == .limited(.resendCooldown))
            }
            var bob = Self.request
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
        try await withFlow(settings) { flow in
            for _ in 0..<30 { _ = try await flow.start(Self.request) }
            #expect(try await flow.store.count("rate_limit") == 0)
        }
    }

    @Test func `a code without a guess left is a limit until it expires`() async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        settings.maxGuesses = 1
        try await withFlow(settings) { flow in
            let started = try await flow.start(Self.request)
            #expect(await flow.refusal(of: "wrong", for: started) == .noGuessLeft)
            flow.clock.advance(seconds: 60)
            do throws(PhoneLoginError) {
                _ = try await flow.start(Self.request)
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
        try await withFlow(settings) { flow async throws in
            let refused = await flow.refusal(of: Self.request)
            #expect(refused == (row.isAllowed ? nil : .numberCannotReceiveTexts))
            #expect(try await flow.store.log().map(\.rule) == (row.isAllowed ? [] : ["allowedCountries"]))
        }
    }

    @Test func `while texts do not go out people are told at once, and nothing is counted`() async throws {
        try await withFlow { flow in
            for _ in 0..<5 { _ = flow.health.recordFailure(at: flow.clock.now) }
            #expect(await flow.refusal(of: Self.request) == .messagesUnavailable)
            #expect(try await flow.store.count("rate_limit") == 0)
            flow.clock.advance(seconds: 15)
            _ = try await flow.start(Self.request)
        }
    }

    @Test func `a database that is gone opens nothing`() async throws {
        try await withFlow { flow in
            try await flow.store.run("DROP TABLE message")
            #expect(await flow.refusal(of: Self.request) == .unavailable)
            #expect(try await flow.store.count("phone_operation") == 0)
        }
    }

    @Test func `a refused redirect and a refused number are lines in the log`() async throws {
        try await withFlow { flow in
            var (redirect, number) = (Self.request, Self.request)
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
        var client = Self.client
        client.defaultLocale = "fr"
        try await withStore { store in
            let flow = try PhoneFlow(store: store, clients: [client], settings: settings)
            let wishes: [(ui: String?, header: String?, locale: String)] = [
                (nil, nil, "fr"), ("ja", nil, "ja"), ("xx ja", "de", "ja"), ("xx", "yy, ko;q=0.5, de;q=0.9", "de"),
                ("xx", "yy", "fr"),
            ]
            for wish in wishes {
                var request = Self.request
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
        try await withFlow { flow in
            var request = Self.request
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
            var client = Self.client
            client.linkURIs = [try known(RedirectURI("https://game.example/K"))]
            let flow = try PhoneFlow(store: store, clients: [client], settings: PhoneLoginSettings())
            var request = Self.request
            request.sendLink = true
            request.linkURL = "https://game.example/\u{212A}"
            #expect(await flow.refusal(of: request) == .linkNotRegistered)
        }
    }

    @Test func `what starts shows nothing of whether the number has an account`() async throws {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        try await withFlow(settings) { flow in
            try await PhoneLoginFixture().signIn(on: flow.store)
            let known = try await flow.start(Self.request)
            _ = try await flow.store.setDisabled(true, .number("+819012345678"), at: .noon)
            flow.clock.advance(seconds: 3600)
            let disabled = try await flow.start(Self.request)
            var request = Self.request
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
