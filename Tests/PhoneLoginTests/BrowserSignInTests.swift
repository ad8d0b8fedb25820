import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct BrowserSignInTests {
    static let spellings: [(number: String, region: String?)] = [
        ("+819012345678", nil), ("+81 90 1234 5678", nil), ("+81 (0)90 1234 5678", nil), ("090-1234-5678", "JP"),
        ("09012345678", "JP"), ("(090) 1234.5678", "JP"), ("０９０　１２３４　５６７８", "JP"), ("＋８１ ９０ １２３４ ５６７８", nil),
        ("00 81 90 1234 5678", "DE"), ("\u{202A}+81 90 1234 5678\u{202C}", nil), (" 090 1234 5678 ", "JP"),
    ]

    @Test(arguments: spellings)
    func `however a number is written, it is one number, and the text goes there`(
        _ row: (number: String, region: String?)
    ) async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin(.typing(row.number, region: row.region))
            #expect(signIn.number == "+819012345678")
            #expect(signIn.maskedNumber == "+8190****5678")
            #expect(try await flow.lastText().recipient == "+819012345678")
        }
    }

    @Test func `every spelling signs in to one account, and counts as one number`() async throws {
        try await BrowserScene.withFlow { flow in
            var accounts: Set<AccountID> = []
            for (number, region) in Self.spellings {
                let signIn = try await flow.begin(.typing(number, region: region))
                accounts.insert(try await flow.finish(signIn, code: try await flow.lastCode()).account)
            }
            #expect(accounts.count == 1)
            #expect(try await flow.store.count("account_phone") == 1)
        }
        var settings = BrowserScene.settings
        settings.sendPerNumber = Limit(count: 1, windowSeconds: 3600)
        try await BrowserScene.withFlow(settings) { flow in
            _ = try await flow.begin(.typing())
            for (number, region) in Self.spellings {
                #expect(await flow.refusal(of: .typing(number, region: region)) == .limited(.sendPerNumber))
            }
        }
    }

    /// One deviation each from what is a number that gets a text.
    static let refusals: [(number: String, region: String?, refusal: Refusal)] = [
        ("", "JP", .notAPhoneNumber), (" ", "JP", .notAPhoneNumber), ("telephone", "JP", .notAPhoneNumber),
        ("090-1234-5678", nil, .notAPhoneNumber), ("090-1234-5678", "XX", .notAPhoneNumber),
        ("090-1234-5678", "jp", .notAPhoneNumber), ("090-1234-5678", "DE", .notAPhoneNumber),
        ("090-1234-5678 ext. 9", "JP", .notAPhoneNumber), ("090-1234-5678;ext=9", "JP", .notAPhoneNumber),
        ("090-1234-5678\u{0}", "JP", .notAPhoneNumber), ("090-1234-5678, 090-8765-4321", "JP", .notAPhoneNumber),
        ("tel:090-1234-5678", "JP", .notAPhoneNumber), ("+81000000000", nil, .notAPhoneNumber),
        ("\u{202E}090-1234-5678", "JP", .notAPhoneNumber),
        (String(repeating: "0", count: 10_000), "JP", .notAPhoneNumber),
        ("03-1234-5678", "JP", .numberCannotReceiveTexts), ("0990-123-456", "JP", .numberCannotReceiveTexts),
        ("+49 1512 3456789", nil, .numberCannotReceiveTexts),
    ]

    @Test(arguments: refusals)
    func `what is no number for texts is refused, costs nothing and sends nothing`(
        _ row: (number: String, region: String?, refusal: Refusal)
    ) async throws {
        var settings = BrowserScene.settings
        settings.allowedCountries = ["JP"]
        try await BrowserScene.withFlow(settings) { flow async throws in
            #expect(await flow.refusal(of: .typing(row.number, region: row.region)) == row.refusal)
            for table in ["message", "phone_operation", "phone_challenge"] {
                #expect(try await flow.store.count(table) == 0)
            }
            // What is counted is the log's own budget alone.
            let isLogged = try await flow.store.count("security_event") > 0
            #expect(isLogged == (row.refusal == .numberCannotReceiveTexts))
            #expect(try await flow.store.count("rate_limit") == (isLogged ? 2 : 0))
        }
    }

    @Test func `the right code signs the browser in, and remembers the device`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin(.typing(client: BrowserScene.linkless))
            #expect(signIn.client == ClientID("linkless"))
            #expect(signIn.expiresAt == .noon.adding(seconds: 180))
            #expect(signIn.resendAt == .noon)
            #expect(Base64URL.decode(signIn.operationID)?.count == 16)

            let signedIn = try await flow.finish(signIn, code: try await flow.lastCode())
            #expect(Base64URL.decode(signedIn.sessionToken)?.count == 32)
            let session = try #require(try await flow.store.session(signedIn.sessionToken))
            #expect(session.account == signedIn.account)
            #expect(session.phoneNumber == "+819012345678")
            #expect(signedIn.continuation == nil, "the page that took the code knows where to go on")
            let devices = DeviceRecognition(secret: TestSecret.bytes, entropy: .seeded(9))
            #expect(devices.recognize(signedIn.deviceID, number: "+819012345678", at: .noon) != nil)
            #expect(try await flow.store.log().isEmpty)
        }
    }

    @Test func `every sign-in is a session of its own, and ends the one that the browser had`() async throws {
        try await BrowserScene.withFlow { flow in
            var tokens: [String] = []
            for _ in 0..<3 {
                let signIn = try await flow.begin()
                let credentials = BrowserCredentials.of(session: tokens.last)
                tokens.append(
                    try await flow.finish(signIn, code: try await flow.lastCode(), with: credentials).sessionToken)
            }
            #expect(Set(tokens).count == 3)
            #expect(try await flow.store.count("session") == 1)
            #expect(try await flow.store.session(tokens[2]) != nil)
        }
    }

    static let wrongCodes: [(code: String, isCounted: Bool)] = [
        ("", false), (String(repeating: "1", count: 65), false), ("x", true), ("12345", true), ("1234567", true),
        ("１２３４５６", true), (String(repeating: "1", count: 64), true),
    ]

    @Test(arguments: wrongCodes)
    func `a wrong code is refused, and the right one still passes`(
        _ row: (code: String, isCounted: Bool)
    ) async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            #expect(await flow.refusal(of: signIn, code: row.code) == .wrongCode)
            #expect(try await flow.store.count("phone_challenge", where: "guesses = \(row.isCounted ? 1 : 0)") == 1)
            _ = try await flow.finish(signIn, code: code)
        }
    }

    @Test func `guesses run out, for the right code and for a text asked for again`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            let wrong = code == "000000" ? "111111" : "000000"
            for _ in 0..<4 { #expect(await flow.refusal(of: signIn, code: wrong) == .wrongCode) }
            for guess in [wrong, code] { #expect(await flow.refusal(of: signIn, code: guess) == .noGuessLeft) }
            #expect(await flow.refusal(of: .typing()) == .limited(.guessesPerOperation))
            #expect(await flow.refusal(of: .typing(browser: "another")) == .limited(.guessesPerOperation))
        }
    }

    @Test func `a sign-in is the browser's that began, and ends with its time`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            for browser in ["another", "", "Browser"] {
                #expect(await flow.refusal(of: signIn, code: code, with: .of(browser)) == .operationUnknown)
            }
            flow.clock.advance(seconds: 180)
            #expect(await flow.refusal(of: signIn, code: code) == .operationUnknown)
            flow.clock.set(to: .noon.adding(milliseconds: 179_999))
            _ = try await flow.finish(signIn, code: code)
            #expect(await flow.refusal(of: signIn, code: code) == .operationUnknown)
            let events = try await flow.store.log()
            #expect(events.map(\.kind) == [SecurityEvent.Kind](repeating: .operationUnknown, count: 5))
            #expect(events.allSatisfy { $0.phone == "+8190****5678" && $0.clientID == "game" })
        }
    }

    /// What carries a sign-in from page to page is sealed, and still nothing of it is believed.
    @Test func `a sign-in whose number or client was changed is unknown`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            let changes = [("+819098765432", signIn.client), (signIn.number, ClientID("linkless"))]
            let changed = changes.map { number, client in
                BrowserSignIn(
                    operationID: signIn.operationID, client: client, number: number, expiresAt: signIn.expiresAt,
                    resendAt: signIn.resendAt, hasLink: signIn.hasLink)
            }
            for other in changed { #expect(await flow.refusal(of: other, code: code) == .operationUnknown) }
            _ = try await flow.finish(signIn, code: code)
        }
    }

    @Test func `an address has so many guesses, over apps and browsers`() async throws {
        var settings = BrowserScene.settings
        settings.confirmPerIP = Limit(count: 2, windowSeconds: 60)
        try await BrowserScene.withFlow(settings) { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            #expect(await flow.refusal(of: signIn, code: "x") == .wrongCode)
            let started = try await flow.start()
            #expect(await flow.refusal(of: "x", for: started) == .wrongCode)
            #expect(await flow.refusal(of: signIn, code: code) == .limited(.confirmPerIP))
            flow.clock.advance(seconds: 30)
            _ = try await flow.finish(signIn, code: code)
        }
    }

    @Test func `apps and browsers share a number's cooldown`() async throws {
        var settings = BrowserScene.settings
        settings.resendCooldownSeconds = 30
        try await BrowserScene.withFlow(settings) { flow in
            _ = try await flow.start()
            #expect(await flow.refusal(of: .typing("090-1234-5678", region: "JP")) == .limited(.resendCooldown))
            flow.clock.advance(seconds: 30)
            #expect(try await flow.begin().resendAt == .noon.adding(seconds: 60))
            #expect(await flow.refusal(of: PhoneLoginRequest.valid) == .limited(.resendCooldown))
            #expect(try await flow.store.log().map(\.rule) == ["resendCooldown", "resendCooldown"])
        }
    }

    @Test func `a device that signed in before goes on when strangers used the number up`() async throws {
        var settings = BrowserScene.settings
        settings.guessesPerNumber = Limit(count: 1, windowSeconds: 3600)
        try await BrowserScene.withFlow(settings) { flow in
            let first = try await flow.begin()
            let device = try await flow.finish(first, code: try await flow.lastCode()).deviceID

            let attack = try await flow.begin(.typing(browser: "attacker"))
            let texted = try await flow.lastCode()
            #expect(await flow.refusal(of: attack, code: "x", with: .of("attacker")) == .wrongCode)
            #expect(await flow.refusal(of: attack, code: texted, with: .of("attacker")) == .limited(.guessesPerNumber))

            // The browser has ids of other people's numbers too.
            let known = ["no id", device]
            let signIn = try await flow.begin(.typing(deviceIDs: known))
            let signedIn = try await flow.finish(
                signIn, code: try await flow.lastCode(), with: .of(deviceIDs: known))
            let devices = DeviceRecognition(secret: TestSecret.bytes, entropy: .seeded(9))
            let number = PhoneNumber.alice.e164
            let before = try #require(devices.recognize(device, number: number, at: .noon))
            #expect(devices.recognize(signedIn.deviceID, number: number, at: .noon) == before)
        }
    }

    @Test func `a test number gets no text, and a session that is for its client`() async throws {
        let file = try ClientFile(
            parsing: Array(
                """
                {"clients": [{"client_id": "game", "redirect_uris": ["https://game.example/callback"],
                  "test_numbers": [{"phone_number": "\(PhoneNumber.alice.e164)", "code": "424242",
                   "expires_at": \(Timestamp.noon.seconds + 3600)}]}]}
                """.utf8))
        try await BrowserScene.withFlow(clients: file.clients) { flow in
            let client = try #require(file.clients.first)
            let signIn = try await flow.begin(.typing(client: client))
            #expect(try await flow.takeTexts().isEmpty)
            #expect(await flow.refusal(of: signIn, code: "424243") == .wrongCode)
            let signedIn = try await flow.finish(signIn, code: "424242")
            #expect(try await flow.store.session(signedIn.sessionToken)?.testClient == "game")
            #expect(try await flow.store.account(.number(PhoneNumber.alice.e164)) == nil, "nobody proved to hold it")
        }
    }

    @Test func `a disabled account is told so, to whoever holds its phone`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            _ = try await flow.finish(signIn, code: try await flow.lastCode())
            _ = try await flow.store.setDisabled(true, .number(PhoneNumber.alice.e164), at: .noon)
            let again = try await flow.begin()
            let code = try await flow.lastCode()
            #expect(await flow.refusal(of: again, code: "x") == .wrongCode)
            #expect(await flow.refusal(of: again, code: code) == .accountDisabled)
            #expect(try await flow.store.count("session") == 0)
        }
    }

    /// By the last line a browser knows at which site it may offer to fill the code in.
    @Test(arguments: [("https://login.example", "login.example"), ("http://localhost:8080", "localhost")])
    func `a text says by the WebOTP rules that its code is for this server's pages`(
        _ row: (issuer: String, host: String)
    ) async throws {
        try await withStore { store in
            let issuer = try #require(Issuer(row.issuer))
            let flow = try PhoneFlow(
                store: store, clients: [BrowserScene.linkless], settings: BrowserScene.settings, issuer: issuer)
            _ = try await flow.begin(.typing(client: BrowserScene.linkless))
            let body = try await flow.lastText().body
            let code = body.prefix(6)
            #expect(code.allSatisfy { $0.isASCII && $0.isNumber })
            #expect(body.hasSuffix("\n\n@\(row.host) #\(code)"))
            #expect(!body.contains("@game.example"), "the app's own site does not ask for it")
        }
    }

    @Test(arguments: ["ja", "ar", "zh-Hans", "nonsense"])
    func `a text is in the language of the page, or in English`(_ locale: String) async throws {
        try await BrowserScene.withFlow { flow in
            _ = try await flow.begin(.typing(locale: locale))
            let text = try await flow.lastText()
            #expect(text.body.contains("is your Game code") == (locale == "nonsense"))
            #expect(text.body.contains("Game"))
        }
    }

    @Test func `an app that may not show screens of its own sends people here`() async throws {
        var client = BrowserScene.client
        client.mayRunPhoneLogin = false
        try await BrowserScene.withFlow(clients: [client]) { flow in
            #expect(await flow.refusal(of: PhoneLoginRequest.valid) == .clientNotAllowed)
            let signIn = try await flow.begin(.typing(client: client))
            _ = try await flow.finish(signIn, code: try await flow.lastCode())
        }
    }

    @Test func `while texts do not go out people are told at once, and nothing is counted`() async throws {
        try await BrowserScene.withFlow { flow in
            for _ in 0..<5 { _ = flow.routing.connectors[0].breaker.record(.unreachable, at: flow.clock.now) }
            #expect(await flow.refusal(of: .typing()) == .messagesUnavailable)
            #expect(try await flow.store.count("phone_challenge") == 0)
            #expect(try await flow.store.log().map(\.rule) == ["connectors"])
            // A cooldown that had counted would refuse this.
            flow.clock.advance(seconds: 15)
            _ = try await flow.begin()
        }
    }

    @Test func `a database that is gone signs nobody in`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            try await flow.store.run("ALTER TABLE session RENAME TO elsewhere")
            #expect(await flow.refusal(of: signIn, code: code) == .unavailable)
            try await flow.store.run("ALTER TABLE elsewhere RENAME TO session")
            _ = try await flow.finish(signIn, code: code)
            try await flow.store.run("DROP TABLE message")
            #expect(await flow.refusal(of: .typing()) == .unavailable)
        }
    }

    @Test func `the log of a whole attack names the rules and shows no code, token or number`() async throws {
        try await BrowserScene.withFlow { flow in
            var secrets = [PhoneNumber.alice.e164]
            for _ in 0..<3 {
                let signIn = try await flow.begin()
                let body = try await flow.lastText().body
                secrets += [String(body.prefix(6)), signIn.operationID, try PhoneFlow.link(in: body).token]
                for guess in ["x", "y", "z", "x", "y", "z"] { _ = await flow.refusal(of: signIn, code: guess) }
                flow.clock.advance(seconds: 180)
            }
            let events = try await flow.store.log()
            #expect(Set(events.map(\.rule)) == ["guessesPerOperation", "guessesPerNumber"])
            for secret in secrets { #expect(events.allSatisfy { !"\($0)".contains(secret) }) }
        }
    }
}
