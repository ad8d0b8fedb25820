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
