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
