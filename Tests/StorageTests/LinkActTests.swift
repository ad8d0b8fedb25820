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

/// A text's link, opened by somebody: looking decides nothing, the first answer decides everything.
@Suite struct LinkActTests {
    /// A login that a browser runs at this server's own pages.
    private let login = PhoneLoginFixture.inBrowser()

    /// A login that an app runs itself.
    private var app: PhoneLoginFixture {
        var app = PhoneLoginFixture()
        app.linkToken = "link"
        app.askingDevice = "Unity"
        return app
    }

    private func waiting(_ operation: String, for login: PhoneLoginFixture, on store: SQLStore) async throws -> Bool {
        try await login.linkState(of: operation, on: store) == .waiting
    }

    @Test(arguments: Backend.allCases)
    func `looking tells who asks, and changes nothing however often`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let (store, later) = (stores[0], Timestamp.noon.adding(seconds: 100))
            _ = try await login.start("of a browser", on: store)
            _ = try await app.start("of an app", on: store, at: .noon.adding(seconds: 1))
            let seen = try await race(32) { [login] index in
                try await login.linkedOperation("of a browser", on: stores.turn(index), at: later)
            }
            let expected = LinkedOperation(
                client: ClientID("game"), startedAt: .noon, askingDevice: "Chrome · Windows",
                browser: SHA256Digest(of: "browser"))
            #expect(seen.allSatisfy { $0 == expected })
            #expect(
                try await app.linkedOperation("of an app", on: store)
                    == LinkedOperation(
                        client: ClientID("game"), startedAt: .noon.adding(seconds: 1), askingDevice: "Unity",
                        browser: nil))

            #expect(try await waiting("of a browser", for: login, on: store))
            #expect(try await store.count("phone_challenge", where: "guesses = 0") == 2)
            #expect(try await store.count("session") == 0)
            #expect(try await store.log().isEmpty)
            #expect(try await login.guess("246802", at: "of a browser", on: store).kind == .passed)
        }
    }

    /// One deviation each from the link that leads somewhere.
    static let strangers: [(name: String, operation: String, link: String)] = [
        ("another token", "operation", "another link"), ("no token", "operation", ""),
        ("another operation's token", "operation", "of bob"), ("another operation", "of bob's", "link"),
        ("no operation", "", "link"), ("nobody's operation", "nobody's", "link"),
        ("an operation without a link", "without", "link"), ("an operation without a link or token", "without", ""),
        ("the code", "operation", "246802"), ("a wildcard", "%", "link"),
    ]

    @Test(arguments: Backend.allCases, strangers)
    func `a link that is not the texted one shows nothing and decides nothing`(
        on backend: Backend, _ row: (name: String, operation: String, link: String)
    ) async throws {
        try await backend.withStore { store in
            var (bob, linkless, stranger) = (login, login, login)
            bob.phone = .bob
            bob.linkToken = "of bob"
            linkless.client = .fixture("another-game")
            linkless.linkToken = nil
            _ = try await login.start("operation", on: store)
            _ = try await bob.start("of bob's", on: store)
            _ = try await linkless.start("without", on: store)
            stranger.linkToken = row.link
            #expect(try await stranger.linkedOperation(row.operation, on: store) == nil)
            for isApproved in [true, false] {
                for browser in [nil, "browser"] {
                    #expect(try await stranger.decide(isApproved, of: row.operation, in: browser, on: store) == .gone)
                }
            }
            #expect(try await waiting("operation", for: login, on: store))
            #expect(try await waiting("of bob's", for: bob, on: store))
            #expect(try await waiting("without", for: linkless, on: store))
            #expect(try await store.count("session") == 0)
            let events = try await store.log()
            #expect(events.map(\.kind) == [SecurityEvent.Kind](repeating: .linkRefused, count: 4))
            #expect(events.allSatisfy { $0.phone == nil && $0.clientID == nil }, "it is anybody's guess whose it was")
        }
    }

    @Test(arguments: Backend.allCases, [true, false])
    func `the first answer counts, and the same one again changes nothing`(
        on backend: Backend, _ answer: Bool
    ) async throws {
        try await backend.withStores(2) { stores in
            for (name, login) in [("of an app", app), ("of a browser", login)] {
                _ = try await login.start(name, on: stores[0])
                let outcome: LinkOutcome = answer ? .approved([name]) : .denied([name])
                #expect(try await login.decide(answer, of: name, on: stores[0]) == outcome)
                for _ in 0..<3 { #expect(try await login.decide(answer, of: name, on: stores[1]) == outcome) }
                for _ in 0..<3 { #expect(try await login.decide(!answer, of: name, on: stores[1]) == .gone) }
                #expect(try await login.linkState(of: name, on: stores[1]) == (answer ? .approved : .denied))
                #expect(try await login.linkedOperation(name, on: stores[1]) == nil, "nothing is left to ask")
            }
            let told = try await stores[0].log().filter { $0.kind != .linkRefused }
            #expect(told.map(\.kind) == [SecurityEvent.Kind](repeating: answer ? .linkApproved : .linkDenied, count: 2))
            #expect(told.allSatisfy { $0.phone == "+8190****5678" && $0.clientID == "game" })
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 that say yes or no at once the first one decides`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            for round in 0..<10 {
                var app = app
                app.client = .fixture("game \(round)")
                let (asking, operation) = (app, "operation \(round)")
                _ = try await asking.start(operation, on: stores[0])
                let outcomes = try await race(16) { index in
                    try await asking.decide(index.isMultiple(of: 2), of: operation, on: stores.turn(index)).kind
                }
                let isApproved = try await asking.linkState(of: operation, on: stores[1]) == .approved
                #expect(outcomes.count { $0 == (isApproved ? .approved : .denied) } == 8)
                #expect(outcomes.count { $0 == .gone } == 8)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a link ends at the very millisecond`(on backend: Backend) async throws {
        let end = Timestamp.noon.adding(seconds: 180)
        try await backend.withStore { store in
            _ = try await login.start("operation", on: store)
            #expect(try await login.linkedOperation("operation", on: store, at: end) == nil)
            #expect(try await login.decide(true, of: "operation", on: store, at: end) == .gone)
            #expect(try await login.decide(true, of: "operation", in: "browser", on: store, at: end) == .gone)
            #expect(try await login.linkState(of: "operation", on: store, at: end) == .gone)
            // The clock was wrong and is set back: whoever was told "gone" has decided nothing.
            let before = end.adding(milliseconds: -1)
            #expect(try await login.linkState(of: "operation", on: store, at: before) == .waiting)
            #expect(try await login.linkedOperation("operation", on: store, at: before) != nil)
            #expect(try await login.decide(false, of: "operation", on: store, at: before) == .denied(["operation"]))
        }
    }

    @Test(arguments: Backend.allCases)
    func `a link is over once the code was typed`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("operation", on: store)
            #expect(try await login.guess("246802", at: "operation", on: store).kind == .passed)
            #expect(try await login.linkedOperation("operation", on: store) == nil)
            for browser in [nil, "browser"] {
                #expect(try await login.decide(true, of: "operation", in: browser, on: store) == .gone)
            }
            #expect(try await store.count("session") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the address' limit refuses an answer before it is looked at`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.confirmPerIP, Limit(count: 1, windowSeconds: 60), subject: "address"))
            var stranger = login
            stranger.linkToken = "a guess"
            _ = try await login.start("operation", on: store)
            #expect(try await stranger.decide(true, of: "operation", charging: [charge], on: store) == .gone)
            let refusal = LimitRefusal(name: .confirmPerIP, limit: charge.limit, retryAfterSeconds: 60)
            for _ in 0..<3 {
                let refused = try await login.decide(true, of: "operation", charging: [charge], on: store)
                #expect(refused == .limited(refusal))
            }
            #expect(try await waiting("operation", for: login, on: store))
            #expect(try await store.log().last?.rule == "confirmPerIP")
        }
    }
}

/// The same link answered by the browser that began, and by another one.
@Suite struct LinkedBrowserTests {
    private let login = PhoneLoginFixture.inBrowser()

    private var byLink: PhoneLoginFixture {
        var byLink = login
        byLink.provesByLink = true
        return byLink
    }

    @Test(arguments: Backend.allCases)
    func `the browser that began is signed in at once, and the code is spent`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("first", on: store)
            _ = try await login.start("second", on: store)
            let outcome = try await login.decide(true, of: "first", in: "browser", session: "session", on: store)
            guard case .signedIn(let passed) = outcome else {
                Issue.record("the browser must be signed in: \(outcome)")
                return
            }
            #expect(passed.continuation == .session(request: login.continuation))
            #expect(try await store.session("session")?.account == passed.account)
            #expect(try await store.account(.number("+819012345678"))?.id == passed.account)
            for operation in ["first", "second"] {
                #expect(try await login.guess("246802", at: operation, on: store) == .unknown)
                #expect(try await byLink.guess("", at: operation, on: store) == .unknown)
                #expect(try await login.linkState(of: operation, on: store) == .gone)
                #expect(try await login.decide(true, of: operation, in: "browser", on: store) == .gone)
            }
            #expect(try await store.count("session") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `its old session ends, and the account is the one that the number always had`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let account = try await login.beginSession("old", on: store)
            var again = login
            again.oldSession = "old"
            _ = try await again.start("operation", on: store)
            _ = try await again.decide(true, of: "operation", in: "browser", session: "new", on: store)
            #expect(try await store.session("old") == nil)
            #expect(try await store.session("new")?.account == account)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 clicks on one link in one browser one signs in`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await login.start("operation", on: stores[0])
            let outcomes = try await race(16) { [login] index in
                try await login.decide(true, of: "operation", in: "browser", on: stores.turn(index)).kind
            }
            #expect(outcomes.count { $0 == .signedIn } == 1)
            #expect(outcomes.count { $0 == .gone } == 15)
            #expect(try await stores[0].count("session") == 1)
            #expect(try await stores[0].count("account") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a click that races the typed code signs in once, by one of the two`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<20 {
                let operation = "operation \(round)"
                _ = try await login.start(operation, on: stores[0])
                async let guess = login.guess("246802", at: operation, on: stores[0])
                async let click = login.decide(true, of: operation, in: "browser", on: stores[1])
                let (guessed, clicked) = try await (guess, click)
                #expect((guessed.kind == .passed) != (clicked.kind == .signedIn))
                #expect(try await stores[0].count("session") == round + 1)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `another browser's yes signs nobody in, and lets the one that began go on`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            for (round, browser) in [nil, "another browser", ""].enumerated() {
                let operation = "operation \(round)"
                _ = try await login.start(operation, on: store)
                let outcome = try await login.decide(true, of: operation, in: browser, session: "theirs", on: store)
                #expect(outcome == .approved([operation]))
                #expect(try await store.session("theirs") == nil)
                #expect(try await store.count("session") == round)
                let session = "session \(round)"
                #expect(
                    try await byLink.guess("", at: operation, authorizationCode: session, on: store).kind == .passed)
                #expect(try await store.session(session) != nil)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `an app's login signs in no browser, whichever opens the link`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var app = PhoneLoginFixture()
            app.linkToken = "link"
            _ = try await app.start("operation", on: store)
            for browser in ["", "browser"] {
                #expect(
                    try await app.decide(true, of: "operation", in: browser, on: store) == .approved(["operation"]))
            }
            #expect(try await store.count("session") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a disabled account is told so, and the code is dead all the same`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(on: store)
            _ = try await store.setDisabled(true, .number("+819012345678"), at: .noon)
            _ = try await login.start("operation", on: store)
            #expect(try await login.decide(true, of: "operation", in: "browser", on: store) == .accountDisabled)
            #expect(try await login.guess("246802", at: "operation", on: store) == .unknown)
            #expect(try await login.decide(true, of: "operation", in: "browser", on: store) == .gone)
            #expect(try await store.count("session") == 0)
            #expect(try await store.log().map(\.kind).contains(.accountRefused))
        }
    }

    @Test(arguments: Backend.allCases)
    func `an approval is worth a sign-in to the browser that began, and once`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await login.start("operation", on: stores[0])
            #expect(try await byLink.guess("", at: "operation", on: stores[0]) == .unknown, "nobody has said yes")
            _ = try await login.decide(true, of: "operation", in: "another browser", on: stores[1])
            var stranger = byLink
            stranger.browser = "another browser"
            #expect(try await stranger.guess("", at: "operation", on: stores[0]) == .unknown)
            let outcomes = try await race(16) { [byLink] index in
                try await byLink.guess("", at: "operation", on: stores.turn(index)).kind
            }
            #expect(outcomes.count { $0 == .passed } == 1)
            #expect(outcomes.count { $0 == .unknown } == 15)
            #expect(try await stores[0].count("session") == 1)
            #expect(try await login.guess("246802", at: "operation", on: stores[0]) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an answer is for all texts that one browser asked for, and for nobody else's`(
        on backend: Backend
    ) async throws {
        for answer in [true, false] {
            try await backend.withStore { store in
                var (thief, app) = (PhoneLoginFixture.inBrowser("thief"), PhoneLoginFixture())
                thief.linkToken = "the thief's link"
                app.linkToken = "the app's link"
                _ = try await thief.start("of the thief", on: store)
                _ = try await app.start("of the app", on: store)
                for operation in ["first", "second", "third"] { _ = try await login.start(operation, on: store) }
                #expect(try await store.count("phone_challenge") == 2, "both browsers share one code")

                let outcome = try await login.decide(answer, of: "second", on: store)
                #expect(outcome.kind == (answer ? .approved : .denied))
                #expect(outcome.operations == ["first", "second", "third"])
                for operation in ["first", "second", "third"] {
                    #expect(try await login.linkState(of: operation, on: store) == (answer ? .approved : .denied))
                }
                #expect(try await thief.linkState(of: "of the thief", on: store) == .waiting)
                #expect(try await app.linkState(of: "of the app", on: store) == .waiting)
                thief.provesByLink = true
                #expect(try await thief.guess("", at: "of the thief", on: store) == .unknown)
                #expect(try await app.guess("approved of the app", at: "of the app", on: store) == .wrong)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `an answer to one app's text is none to its next one`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var app = PhoneLoginFixture()
            app.linkToken = "link"
            for operation in ["first", "second"] { _ = try await app.start(operation, on: store) }
            #expect(try await app.decide(true, of: "first", on: store) == .approved(["first"]))
            #expect(try await app.linkState(of: "second", on: store) == .waiting)
            #expect(try await app.guess("approved second", at: "second", on: store) == .wrong)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a denied code opens nothing, however often it is asked for again`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for operation in ["first", "second"] { _ = try await login.start(operation, on: store) }
            #expect(try await login.decide(false, of: "first", in: "browser", on: store).kind == .denied)
            for operation in ["first", "second"] {
                #expect(try await login.guess("246802", at: operation, on: store) == .unknown)
                #expect(try await byLink.guess("", at: operation, on: store) == .unknown)
            }
            #expect(try await store.count("phone_challenge", where: "guesses = 0") == 1, "nothing was compared")

            let thief = PhoneLoginFixture.inBrowser("thief")
            for (operation, asking) in [("again", login), ("of the thief", thief)] {
                _ = try await asking.start(operation, code: "777777", on: store)
                #expect(try await asking.guess("246802", at: operation, on: store).kind != .passed)
            }
            #expect(try await store.count("session") == 0)
            #expect(try await store.log().map(\.kind).first == .linkDenied)
        }
    }
}

/// What stands for the code once an app's link was approved, and who hears of it.
@Suite struct LinkApprovalTests {
    private var app: PhoneLoginFixture {
        var app = PhoneLoginFixture()
        app.linkToken = "link"
        return app
    }

    @Test(arguments: Backend.allCases)
    func `an approval is a wrong code until the person has said yes`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await app.start("operation", on: store)
            for _ in 0..<2 {
                #expect(try await app.guess("approved operation", at: "operation", on: store) == .wrong)
            }
            #expect(try await store.count("phone_challenge", where: "guesses = 2") == 1)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await app.guess("approved operation", at: "operation", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an approval is of one operation, even among those that share the code`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for operation in ["first", "second"] { _ = try await app.start(operation, on: store) }
            _ = try await app.decide(true, of: "first", on: store)
            for guess in ["approved first", "approved second"] {
                #expect(try await app.guess(guess, at: "second", on: store) == .wrong)
            }
            #expect(try await app.guess("approved second", at: "first", on: store) == .wrong)
            #expect(try await app.guess("approved first", at: "first", on: store).kind == .passed)
            #expect(try await app.guess("246802", at: "second", on: store) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 that bring one approval one passes`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            _ = try await app.start("operation", on: stores[0])
            _ = try await app.decide(true, of: "operation", on: stores[1])
            let outcomes = try await race(16) { [app] index in
                try await app.guess("approved operation", at: "operation", on: stores.turn(index)).kind
            }
            #expect(outcomes.count { $0 == .passed } == 1)
            #expect(outcomes.count { $0 == .unknown } == 15)
            #expect(try await stores[0].count("authorization_code") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `strangers who used up the guesses do not take the approval along`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var app = app
            app.guessesPerNumber = Limit(count: 5, windowSeconds: 3600)
            _ = try await app.start("operation", on: store)
            for _ in 0..<5 { _ = try await app.guess("999999", at: "operation", on: store) }
            #expect(try await app.guess("246802", at: "operation", on: store).kind != .passed)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await app.guess("approved operation", at: "operation", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the texted code is good after a yes too, and dead after a no`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await app.start("operation", on: store)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await app.guess("246802", at: "operation", on: store).kind == .passed)

            _ = try await app.start("denied", on: store)
            _ = try await app.decide(false, of: "denied", on: store)
            for guess in ["246802", "approved denied"] {
                #expect(try await app.guess(guess, at: "denied", on: store) == .unknown)
            }
            #expect(try await store.count("authorization_code") == 1)
        }
    }

    /// One deviation each from who began.
    static let strangers: [(name: String, change: @Sendable (inout PhoneLoginFixture) -> Void)] = [
        ("another client", { $0.client = .fixture("another-game") }), ("another number", { $0.phone = .bob }),
        ("a browser", { $0.browser = "browser" }),
    ]

    @Test(arguments: Backend.allCases, strangers)
    func `what became of a link is nobody's business but of who began`(
        on backend: Backend, _ stranger: (name: String, change: @Sendable (inout PhoneLoginFixture) -> Void)
    ) async throws {
        try await backend.withStore { store in
            var other = app
            stranger.change(&other)
            _ = try await app.start("operation", on: store)
            #expect(try await other.linkState(of: "operation", on: store) == .gone)
            #expect(try await app.linkState(of: "operation", on: store) == .waiting)
            _ = try await app.decide(true, of: "operation", on: store)
            #expect(try await other.linkState(of: "operation", on: store) == .gone)
            #expect(try await app.linkState(of: "operation", on: store) == .approved)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a browser's link is told to that browser alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let login = PhoneLoginFixture.inBrowser()
            _ = try await login.start("operation", on: store)
            for browser in ["another browser", ""] {
                #expect(try await PhoneLoginFixture.inBrowser(browser).linkState(of: "operation", on: store) == .gone)
            }
            #expect(try await app.linkState(of: "operation", on: store) == .gone)
            #expect(try await login.linkState(of: "nobody's", on: store) == .gone)
            #expect(try await login.linkState(of: "operation", on: store) == .waiting)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a login that is finished or over has no link any more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await app.start("operation", on: store)
            let end = Timestamp.noon.adding(seconds: 180)
            #expect(try await app.linkState(of: "operation", on: store, at: end.adding(milliseconds: -1)) == .waiting)
            #expect(try await app.linkState(of: "operation", on: store, at: end) == .gone)
            _ = try await app.guess("246802", at: "operation", on: store)
            #expect(try await app.linkState(of: "operation", on: store) == .gone)
        }
    }

    @Test(arguments: Backend.allCases)
    func `polls have a limit, which strangers' polls count against too`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.pollPerIP, Limit(count: 2, windowSeconds: 60), subject: "address"))
            _ = try await app.start("operation", on: store)
            #expect(try await app.linkState(of: "nobody's", charging: [charge], on: store) == .gone)
            #expect(try await app.linkState(of: "operation", charging: [charge], on: store) == .waiting)
            let refusal = LimitRefusal(name: .pollPerIP, limit: charge.limit, retryAfterSeconds: 30)
            #expect(try await app.linkState(of: "operation", charging: [charge], on: store) == .limited(refusal))
            #expect(try await app.linkState(of: "nobody's", charging: [charge], on: store) == .limited(refusal))
        }
    }
}
