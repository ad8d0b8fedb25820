import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// What a browser can do with a user code: look, guess, answer.
@Suite struct UserCodeActTests {
    private let login = PhoneLoginFixture.inBrowser()
    private let device = DeviceFixture()
    private let request = DeviceRequest(
        client: ClientID("tv"), scope: Scope("openid") ?? .empty, askingDevice: "PlayStation")

    @Test(arguments: Backend.allCases)
    func `a code leads to the device that shows it, and a look answers nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            let session = try #require(try await store.session("session"))
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            for _ in 0..<3 {
                #expect(try await device.look(at: "BCDF-GHJK", on: store) == .waiting(request, nil))
                #expect(
                    try await device.look(at: "bcdfghjk", session: "session", on: store) == .waiting(request, session))
                #expect(try await device.look(at: "BCDF-GHJK", session: "nobody", on: store) == .waiting(request, nil))
            }
            #expect(try await device.poll("device code", on: store) == .pending)
            #expect(try await store.count("token_grant") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `wrong, expired and answered codes are one answer`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            _ = try await device.begin("denied", showing: "XXXX-ZZZZ", on: store)
            _ = try await device.answer(false, to: "XXXX-ZZZZ", session: "session", on: store)
            for code in ["BCDF-GHJL", "XXXX-ZZZZ", nil] {
                #expect(try await device.look(at: code, session: "session", on: store) == .unknown)
            }
            let end = Timestamp.noon.adding(seconds: 600)
            let before = end.adding(milliseconds: -1)
            #expect(try await device.look(at: "BCDF-GHJK", on: store, at: before) == .waiting(request, nil))
            #expect(try await device.look(at: "BCDF-GHJK", on: store, at: end) == .unknown)
            #expect(try await device.answer(true, to: "BCDF-GHJK", session: "session", on: store, at: end) == .unknown)
            #expect(try await store.log().count { $0.kind == .userCodeRefused } == 5)
        }
    }

    @Test(arguments: Backend.allCases)
    func `so many wrong guesses are heard, then none is, and right codes cost nothing`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            var device = device
            device.guesses = try #require(Limit(count: 20, windowSeconds: 300))
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: stores[0])
            for _ in 0..<50 {
                #expect(try await device.look(at: "BCDF-GHJK", on: stores[1]) == .waiting(request, nil))
            }
            let outcomes = try await race(60) { [device] index in
                try await device.look(at: index.isMultiple(of: 2) ? "XXXX-ZZZZ" : nil, on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .unknown } == 20)
            guard case .limited(let refusal) = try await device.look(at: "BCDF-GHJK", on: stores[2]) else {
                Issue.record("whoever guesses is not told when they are right")
                return
            }
            #expect(refusal.name == .userCodePerIP)
            #expect(refusal.retryAfterSeconds == 15)
            let later = Timestamp.noon.adding(seconds: 15)
            #expect(try await device.look(at: "BCDF-GHJK", on: stores[3], at: later) == .waiting(request, nil))
            let event = try #require(try await stores[0].log().last)
            #expect(event.kind == .userCodeRefused)
            #expect(event.rule == "userCodePerIP")
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 40 answers that race one counts`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            try await login.beginSession("session", on: stores[0])
            for round in 0..<5 {
                let (code, name) = (UserCode(entropy: .seeded(UInt64(round))).text, "device code \(round)")
                _ = try await device.begin(name, showing: code, on: stores[0])
                let outcomes = try await race(40) { [device] index in
                    let isAllowed = index.isMultiple(of: 2)
                    let outcome = try await device.answer(
                        isAllowed, to: code, session: "session", on: stores.turn(index))
                    return (isAllowed, outcome)
                }
                let counted = outcomes.filter { $0.1.isAnswered }
                #expect(counted.count == 1)
                #expect(outcomes.count { $0.1 == .unknown } == 39)
                let poll = try await device.poll(name, on: stores[1])
                #expect((poll.grant != nil) == counted.first?.0)
                #expect((poll == .denied) == (counted.first?.0 == false))
            }
            let log = try await stores[0].log()
            #expect(log.count { $0.kind == .deviceAllowed || $0.kind == .deviceDenied } == 5)
        }
    }

    @Test(arguments: Backend.allCases)
    func `only the session that was asked can answer`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var bob = PhoneLoginFixture.inBrowser("browser of bob")
            bob.phone = .bob
            try await login.beginSession("session", on: store)
            try await bob.beginSession("of bob", on: store)
            let asked = try #require(try await store.session("session"))
            let other = try #require(try await store.session("of bob"))
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            for isAllowed in [true, false] {
                let outcome = try await device.answer(
                    isAllowed, to: "BCDF-GHJK", session: "of bob", shownTo: asked.id, on: store)
                #expect(outcome == .waiting(request, other), "bob is asked anew")
            }
            _ = try await SessionTests.end("session", on: store)
            let outcome = try await device.answer(
                true, to: "BCDF-GHJK", session: "session", shownTo: asked.id, on: store)
            #expect(outcome == .waiting(request, nil))
            #expect(try await device.poll("device code", on: store) == .pending)
        }
    }

    @Test(arguments: Backend.allCases)
    func `who may not sign in to the app lets no device of it in`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            let session = try #require(try await store.session("session"))
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            var device = device
            device.maySignIn = false
            let outcome = try await device.answer(true, to: "BCDF-GHJK", session: "session", on: store)
            #expect(outcome == .waiting(request, session))
            #expect(try await device.poll("device code", on: store) == .pending)
        }
    }

    @Test(arguments: Backend.allCases, [true, false])
    func `an answer is told to the developer log, and is no consent for later`(
        on backend: Backend, _ isAllowed: Bool
    ) async throws {
        try await backend.withStore { store in
            let account = try await login.beginSession("session", on: store)
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            #expect(
                try await device.answer(isAllowed, to: "BCDF-GHJK", session: "session", on: store)
                    == .answered(request))
            let event = try #require(try await store.log().last)
            #expect(event.kind == (isAllowed ? .deviceAllowed : .deviceDenied))
            #expect(event.clientID == "tv")
            #expect(event.accountID == account.rawValue)
            #expect(try await store.count("consent") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `neither code stands in the table`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            let row = try await store.engine.read { connection in
                try await connection.first("SELECT digest, user_code FROM device_authorization")
            }
            let code = try #require(UserCode("BCDF-GHJK"))
            #expect(try row?.blob(0) == SHA256Digest(of: "device code").bytes)
            #expect(try row?.blob(1) == DeviceFixture.userCodes.digest(of: code).bytes)
            // Eight letters are found in seconds by trying all, unless a key is missing for that.
            #expect(try row?.blob(1) != SHA256Digest(of: code.text).bytes)
            let otherKey = UserCodeKey(secret: [UInt8](repeating: 1, count: 32))
            #expect(try row?.blob(1) != otherKey.digest(of: code).bytes)
        }
    }
}
