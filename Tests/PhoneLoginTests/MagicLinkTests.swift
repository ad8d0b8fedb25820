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

/// The link that this server's own sign-in texts.
@Suite struct MagicLinkTests {
    /// What a client registers, and whether its people get a link to this server's page.
    static let registrations: [(pages: [String], hasLink: Bool)] = [
        ([], false), (["https://login.example/login/link"], true),
        (["https://game.example/link", "https://login.example/login/link"], true),
        (["https://game.example/link"], false), (["https://login.example/login/link/"], false),
        (["https://login.example/login/link?x=1"], false), (["https://LOGIN.example/login/link"], false),
        (["http://login.example/login/link"], false), (["https://login.example:443/login/link"], false),
        (["https://login.example/login"], false), (["https://login.example/login/LINK"], false),
    ]

    @Test(arguments: registrations)
    func `a text has a link when its client registers the server's own page`(
        _ row: (pages: [String], hasLink: Bool)
    ) async throws {
        var client = Client.fixture()
        client.linkURIs = row.pages.compactMap { RedirectURI($0) }
        try await BrowserScene.withFlow(clients: [client]) { flow in
            let signIn = try await flow.begin(.typing(client: client))
            #expect(signIn.hasLink == row.hasLink)
            let text = try await flow.lastText()
            #expect(text.body.contains("link_token=") == row.hasLink)
            #expect(text.template == (row.hasLink ? .signInCodeAndLink : .signInCode))
            let linked = "link_digest IS NOT NULL AND continuation IS NOT NULL"
            #expect(try await flow.store.count("phone_operation", where: linked) == (row.hasLink ? 1 : 0))
        }
    }

    @Test func `a link is made of issuer, operation and a token that the database does not know`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            #expect(link.page == "https://login.example/login/link")
            #expect(link.operationID == signIn.operationID)
            #expect(Base64URL.decode(link.token)?.count == 32)
            let row = try await flow.store.engine.read { connection in
                try await connection.first("SELECT link_digest, continuation FROM phone_operation")
            }
            #expect(try row?.blob(0) == SHA256Digest(of: link.token).bytes)
            let kept = try #require(try row?.blob(1))
            #expect(!String(decoding: kept, as: UTF8.self).contains("client_id"), "the request is sealed")
        }
    }

    @Test func `each text has a link of its own`() async throws {
        try await BrowserScene.withFlow { flow in
            var tokens: Set<String> = []
            for _ in 0..<5 {
                _ = try await flow.begin()
                tokens.insert(try await flow.lastLink().token)
            }
            #expect(tokens.count == 5)
        }
    }

    @Test func `the link's page names the app, the device and the time`() async throws {
        try await BrowserScene.withFlow { flow in
            _ = try await flow.begin()
            let link = try await flow.lastLink()
            flow.clock.advance(seconds: 60)
            let browsers: [(String?, Bool)] = [("browser", true), ("another", false), ("", false), (nil, false)]
            for (browser, isSame) in browsers {
                let page = try await flow.flow.link(
                    operationID: link.operationID, token: link.token, browser: browser, at: flow.clock.now)
                #expect(page?.client.id == ClientID("game"))
                #expect(page?.startedAt == .noon)
                #expect(page?.askingDevice == "Chrome · Windows")
                #expect(page?.isSameBrowser == isSame)
            }
            #expect(try await flow.store.log().isEmpty)
        }
    }

    @Test func `an app's link is in nobody's own browser`() async throws {
        try await BrowserScene.withFlow { flow in
            var request = PhoneLoginRequest.valid
            request.sendLink = true
            request.linkURL = "https://game.example/link"
            _ = try await flow.start(request)
            let link = try await flow.lastLink()
            for browser in [nil, "", "browser"] {
                let page = try await flow.flow.link(
                    operationID: link.operationID, token: link.token, browser: browser, at: flow.clock.now)
                #expect(page?.isSameBrowser == false)
            }
        }
    }

    @Test func `a link of another token, an app that is gone, or a login that is over shows nothing`() async throws {
        try await BrowserScene.withFlow { flow in
            _ = try await flow.begin()
            let link = try await flow.lastLink()
            func page(_ token: String) async throws -> LinkPage? {
                try await flow.flow.link(
                    operationID: link.operationID, token: token, browser: nil, at: flow.clock.now)
            }
            #expect(try await page("") == nil)
            #expect(try await page(link.token + "A") == nil)
            #expect(try await page(link.token) != nil)
            flow.registry.replace(with: [])
            #expect(try await page(link.token) == nil)
            flow.registry.replace(with: [BrowserScene.client])
            flow.clock.advance(seconds: 180)
            #expect(try await page(link.token) == nil)
        }
    }

    @Test func `the browser that began goes on where it was`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let text = try await flow.lastText().body
            let answer = try await flow.decide(true, try PhoneFlow.link(in: text), with: .of())
            guard case .signedIn(let signedIn) = answer else {
                Issue.record("the browser must be signed in: \(answer)")
                return
            }
            #expect(signedIn.continuation == "client_id=game&state=s")
            #expect(try await flow.store.session(signedIn.sessionToken)?.account == signedIn.account)
            let devices = DeviceRecognition(secret: TestSecret.bytes, entropy: .seeded(9))
            #expect(devices.recognize(signedIn.deviceID, number: PhoneNumber.alice.e164, at: .noon) != nil)
            #expect(await flow.refusal(of: signIn, code: String(text.prefix(6))) == .operationUnknown)
            #expect(await flow.refusalByLink(of: signIn) == .operationUnknown)
        }
    }

    @Test func `a yes elsewhere lets the browser that began go on, once`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            #expect(await flow.refusalByLink(of: signIn) == .operationUnknown, "nobody has said yes")
            guard case .approved = try await flow.decide(true, link, with: .of("phone", session: "their session"))
            else {
                Issue.record("it must be approved")
                return
            }
            #expect(try await flow.store.count("session") == 0)
            #expect(await flow.refusalByLink(of: signIn, with: .of("phone")) == .operationUnknown)
            let signedIn = try await flow.finishByLink(signIn)
            #expect(signedIn.continuation == "client_id=game&state=s")
            #expect(try await flow.store.session(signedIn.sessionToken) != nil)
            #expect(await flow.refusalByLink(of: signIn) == .operationUnknown)
            #expect(try await flow.store.log().map(\.kind).contains(.linkApproved))
        }
    }

    @Test func `a continuation is of its own operation`() async throws {
        try await BrowserScene.withFlow { flow in
            _ = try await flow.begin()
            let link = try await flow.lastLink()
            let second = try await flow.begin()
            // Somebody who can write to the database puts one browser's request into another one's sign-in.
            try await flow.store.run(
                """
                UPDATE phone_operation SET continuation =
                    (SELECT continuation FROM phone_operation WHERE id = \(link.operationID))
                """)
            guard case .approved = try await flow.decide(true, link) else {
                Issue.record("it must be approved")
                return
            }
            let signedIn = try await flow.finishByLink(second)
            #expect(signedIn.continuation == nil)
        }
    }

    @Test func `after a no the text is worth nothing`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let text = try await flow.lastText().body
            let (code, link) = (String(text.prefix(6)), try PhoneFlow.link(in: text))
            guard case .denied = try await flow.decide(false, link, with: .of("phone")) else {
                Issue.record("it must be denied")
                return
            }
            #expect(await flow.refusal(of: signIn, code: code) == .operationUnknown)
            #expect(await flow.refusalByLink(of: signIn) == .operationUnknown)
            guard case .gone = try await flow.decide(true, link, with: .of()) else {
                Issue.record("the first answer counts")
                return
            }
            let again = try await flow.begin()
            #expect(await flow.refusal(of: again, code: code) == .wrongCode)
            #expect(try await flow.store.count("session") == 0)
        }
    }

    @Test func `each answer is a line in the log that names the client and no secret`() async throws {
        try await BrowserScene.withFlow { flow in
            for isApproved in [true, false] {
                _ = try await flow.begin()
                let link = try await flow.lastLink()
                _ = try await flow.decide(
                    true, TextedLink(page: link.page, operationID: link.operationID, token: "a guess"))
                for _ in 0..<2 { _ = try await flow.decide(isApproved, link) }
                let events = try await flow.store.log().suffix(2)
                #expect(events.map(\.kind) == [.linkRefused, isApproved ? .linkApproved : .linkDenied])
                #expect(events.map(\.phone) == [nil, "+8190****5678"])
                #expect(events.map(\.clientID) == [nil, "game"])
                for secret in [link.token, link.operationID, PhoneNumber.alice.e164] {
                    #expect(events.allSatisfy { !"\($0)".contains(secret) })
                }
                flow.clock.advance(seconds: 180)
            }
        }
    }

    @Test func `an address has so many answers`() async throws {
        var settings = BrowserScene.settings
        settings.confirmPerIP = Limit(count: 2, windowSeconds: 60)
        try await BrowserScene.withFlow(settings) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            let guess = TextedLink(page: link.page, operationID: link.operationID, token: "a guess")
            for _ in 0..<2 { _ = try await flow.decide(true, guess) }
            let refusal = await #expect(throws: PhoneLoginError.self) { try await flow.decide(true, link) }
            #expect(refusal.map(Refusal.init) == .limited(.confirmPerIP))
            #expect(try await flow.store.log().last?.rule == "confirmPerIP")
            #expect(try await flow.awaitLink(of: signIn) == .waiting)
            flow.clock.advance(seconds: 30)
            _ = try await flow.decide(true, link)
            #expect(try await flow.awaitLink(of: signIn) == .approved)
        }
    }

    @Test func `a disabled account is told so at the link too`() async throws {
        try await BrowserScene.withFlow { flow in
            let first = try await flow.begin()
            _ = try await flow.finish(first, code: try await flow.lastCode())
            _ = try await flow.store.setDisabled(true, .number(PhoneNumber.alice.e164), at: .noon)
            _ = try await flow.begin()
            let link = try await flow.lastLink()
            let refusal = await #expect(throws: PhoneLoginError.self) {
                try await flow.decide(true, link, with: .of())
            }
            #expect(refusal.map(Refusal.init) == .accountDisabled)
        }
    }
}
