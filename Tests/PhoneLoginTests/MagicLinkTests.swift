import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneNumbers
import RateLimiting
import Storage
import Synchronization
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

/// The poll of a page or an app that waits for the link to be answered.
@Suite(.timeLimit(.minutes(1))) struct LinkWaitingTests {
    /// A poll that is not woken takes this long: a test that is quicker shows that it was.
    private static var patient: PhoneLoginSettings {
        var settings = BrowserScene.settings
        settings.linkPollSeconds = 20
        return settings
    }

    private func until(_ count: Int, wait flow: PhoneFlow) async throws {
        while flow.flow.waiting.count != count { try await Task.sleep(for: .milliseconds(1)) }
    }

    private func expectQuick(
        sourceLocation: SourceLocation = #_sourceLocation, _ work: () async throws -> Void
    ) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await work()
        #expect(clock.now - start < .seconds(10), "it was not woken", sourceLocation: sourceLocation)
    }

    @Test(arguments: [true, false])
    func `an answer wakes the page that waits`(_ isApproved: Bool) async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            try await expectQuick {
                async let state = flow.awaitLink(of: signIn)
                try await until(1, wait: flow)
                _ = try await flow.decide(isApproved, link, with: .of("phone"))
                let heard = try await state
                #expect(heard == (isApproved ? .approved : .denied))
            }
            try await until(0, wait: flow)
            #expect(try await flow.awaitLink(of: signIn) == (isApproved ? .approved : .denied), "and so it stays")
        }
    }

    @Test func `a page hears that the code was typed in another tab`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            try await expectQuick {
                async let state = flow.awaitLink(of: signIn)
                try await until(1, wait: flow)
                _ = try await flow.finish(signIn, code: code)
                let heard = try await state
                #expect(heard == .finished)
            }
            #expect(try await flow.awaitLink(of: signIn) == .gone)
            try await until(0, wait: flow)
        }
    }

    @Test func `a page hears that the link was opened in its own browser`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            try await expectQuick {
                async let state = flow.awaitLink(of: signIn)
                try await until(1, wait: flow)
                _ = try await flow.decide(true, link, with: .of())
                let heard = try await state
                #expect(heard == .finished)
            }
        }
    }

    @Test func `the page of the latest text hears of an answer to an earlier one`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            _ = try await flow.begin()
            let link = try await flow.lastLink()
            let latest = try await flow.begin()
            try await expectQuick {
                async let state = flow.awaitLink(of: latest)
                try await until(1, wait: flow)
                _ = try await flow.decide(true, link)
                let heard = try await state
                #expect(heard == .approved)
            }
        }
    }

    @Test func `when the time is up nothing has happened, and nobody waits any more`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await flow.awaitLink(of: signIn) == .waiting)
            #expect(clock.now - start >= .seconds(1))
            try await until(0, wait: flow)
        }
    }

    @Test func `a login that ends while a page waits is gone`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            flow.clock.advance(seconds: 179)
            #expect(try await flow.awaitLink(of: signIn) == .gone)
        }
    }

    @Test func `an answer that another process took is seen when the time is up`() async throws {
        try await withDatabaseFile { file in
            let flow = try BrowserScene.flow(on: file.open())
            let elsewhere = try BrowserScene.flow(on: file.open())
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            async let state = flow.awaitLink(of: signIn)
            try await until(1, wait: flow)
            _ = try await elsewhere.decide(true, link)
            let heard = try await state
            #expect(heard == .approved)
            try await until(0, wait: flow)
        }
    }

    /// The poll has looked and seen nothing, but does not wait yet.
    @Test func `an answer between looking and waiting is not missed`() async throws {
        try await withDatabaseFile { file in
            let interruption = Interruption()
            let engine = InterruptedEngine(engine: try file.open().engine, interruption: interruption)
            let flow = try BrowserScene.flow(on: SQLStore(engine: engine), Self.patient)
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            interruption.plan { _ = try await flow.decide(true, link) }
            try await expectQuick {
                let state = try await flow.awaitLink(of: signIn)
                #expect(state == .approved)
            }
            #expect(interruption.isOver)
            try await until(0, wait: flow)
        }
    }

    @Test func `strangers' polls are answered at once, and leave nothing behind`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let nobodys = BrowserSignIn(
                operationID: "nobody's", client: signIn.client, number: signIn.number, expiresAt: signIn.expiresAt,
                resendAt: signIn.resendAt, hasLink: true)
            try await expectQuick {
                for browser in ["another", ""] {
                    #expect(try await flow.awaitLink(of: signIn, browser: browser) == .gone)
                }
                let state = try await flow.awaitLink(of: nobodys)
                #expect(state == .gone)
            }
            try await until(0, wait: flow)
        }
    }

    @Test func `a page that is closed waits no longer`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            try await expectQuick {
                let poll = Task { _ = try await flow.awaitLink(of: signIn) }
                try await until(1, wait: flow)
                poll.cancel()
                _ = await poll.result
                try await until(0, wait: flow)
            }
        }
    }

    @Test func `a hundred pages wait at once, and all of them hear`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            try await expectQuick {
                async let states = race(100) { _ in try await flow.awaitLink(of: signIn) }
                try await until(100, wait: flow)
                _ = try await flow.decide(true, link)
                let heard = try await states
                #expect(heard.count == 100)
                #expect(heard.allSatisfy { $0 == .approved })
            }
            try await until(0, wait: flow)
        }
    }

    @Test func `an answer wakes nobody who waits for another one`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let other = try await flow.begin(.typing("+81 90 9876 5432", browser: "of bob"))
            let link = try await flow.lastLink()
            async let state = flow.awaitLink(of: signIn)
            try await until(1, wait: flow)
            _ = try await flow.decide(true, link)
            let heard = try await state
            #expect(heard == .waiting)
            #expect(try await flow.awaitLink(of: other, browser: "of bob") == .approved)
        }
    }

    @Test func `an address has so many polls, and a refused one leaves nothing behind`() async throws {
        var settings = BrowserScene.settings
        settings.pollPerIP = Limit(count: 2, windowSeconds: 60)
        try await BrowserScene.withFlow(settings) { flow in
            let signIn = try await flow.begin()
            #expect(await flow.refusalOfWaiting(for: signIn) == nil)
            #expect(await flow.refusalOfWaiting(for: signIn, browser: "another") == nil)
            #expect(await flow.refusalOfWaiting(for: signIn) == .limited(.pollPerIP))
            try await until(0, wait: flow)
            flow.clock.advance(seconds: 30)
            #expect(await flow.refusalOfWaiting(for: signIn) == nil)
        }
    }

    @Test func `a database that is gone is told as such`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            try await flow.store.run("DROP TABLE phone_operation")
            #expect(await flow.refusalOfWaiting(for: signIn) == .unavailable)
            try await until(0, wait: flow)
        }
    }
}

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

/// What happens once: after an act is done, and before its caller hears of it.
private final class Interruption: Sendable {
    private struct State {
        var work: (@Sendable () async throws -> Void)?
        var isOver = false
    }

    private let state = Mutex(State())

    var isOver: Bool { state.withLock { $0.isOver } }

    func plan(_ work: @escaping @Sendable () async throws -> Void) { state.withLock { $0.work = work } }

    func happen() async throws {
        let work = state.withLock { state in
            let work = state.work
            state.work = nil
            return work
        }
        guard let work else { return }
        try await work()
        state.withLock { $0.isOver = true }
    }
}

/// The engine, and the moment that a test waits for.
private struct InterruptedEngine: SQLEngine {
    let engine: any SQLEngine
    let interruption: Interruption

    func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        let result = try await engine.write(act)
        try await interruption.happen()
        return result
    }

    func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result { try await engine.read(act) }

    func define(_ statements: [String]) async throws { try await engine.define(statements) }
}
