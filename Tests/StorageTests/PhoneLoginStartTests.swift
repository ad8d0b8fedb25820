import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct PhoneLoginStartTests {
    private let login = PhoneLoginFixture()

    @Test(arguments: Backend.allCases)
    func `a resend repeats the code and its expiry`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let first = try await login.start(code: "111111", on: store)
            let again = try await login.start(code: "222222", on: store, at: .noon.adding(seconds: 60))

            guard case .started(let expiry, _) = first, case .started(let same, _) = again else {
                Issue.record("both starts must succeed")
                return
            }
            #expect(expiry == .noon.adding(seconds: 180))
            #expect(same == expiry)
            #expect(try await login.takeTexts(on: store, at: .noon.adding(seconds: 60)) == ["111111", "111111"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a resend after a wrong guess brings another code with the same expiry`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("first", code: "111111", on: store)
            #expect(try await login.guess("999999", at: "first", on: store) == .wrong)
            let again = try await login.start("second", code: "222222", on: store, at: .noon.adding(seconds: 60))

            guard case .started(let expiry, _) = again else {
                Issue.record("the second start must succeed")
                return
            }
            #expect(expiry == .noon.adding(seconds: 180))
            #expect(try await login.guess("111111", at: "first", on: store) == .wrong, "the old code is dead")
            #expect(try await login.guess("222222", at: "first", on: store).kind == .passed, "for both operations")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a resend does not give guesses back`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var operations: [String] = []
            for number in 0..<4 {
                let operation = "operation \(number)"
                operations.append(operation)
                _ = try await login.start(operation, code: "111111", on: store)
                #expect(try await login.guess("999999", at: operation, on: store) == .wrong)
            }
            #expect(try await login.guess("999999", at: "operation 0", on: store) == .exhausted)
            for operation in operations {
                #expect(try await login.guess("111111", at: operation, on: store) == .exhausted)
            }
            let until = Timestamp.noon.adding(seconds: 180)
            guard case .exhausted(until) = try await login.start("operation 4", code: "111111", on: store) else {
                Issue.record("no text may leave for a code without guesses")
                return
            }
            #expect(try await store.count("message") == 4)
            #expect(try await store.count("phone_operation", where: "id = 'operation 4'") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an exhausted code makes place for another at the millisecond it expires`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("first", on: store)
            for _ in 0..<5 { _ = try await login.guess("999999", at: "first", on: store) }

            let expiry = Timestamp.noon.adding(seconds: 180)
            let before = try await login.start(on: store, at: expiry.adding(milliseconds: -1))
            #expect(before.kind == .exhausted)
            let after = try await login.start("second", code: "222222", on: store, at: expiry)
            #expect(after.kind == .started)
            #expect(try await login.guess("222222", at: "second", on: store, now: expiry).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `operations of an expired code are unknown even when a new code replaced it`(on backend: Backend) async throws
    {
        try await backend.withStore { store in
            _ = try await login.start("old", code: "111111", on: store)
            let expiry = Timestamp.noon.adding(seconds: 180)
            _ = try await login.start("new", code: "222222", on: store, at: expiry)

            #expect(try await login.guess("111111", at: "old", on: store, now: expiry) == .unknown)
            #expect(try await login.guess("222222", at: "old", on: store, now: expiry) == .unknown)
        }
    }

    /// Whose code it is: another member of the subject means another code with guesses of its own.
    static let subjects: [(String, @Sendable (inout PhoneLoginFixture) -> Void)] = [
        ("client", { $0.client = .fixture("another-game") }),
        ("number", { $0.phone = .bob }),
        ("device", { $0.device = .phoneOfAlice }),
    ]

    @Test(arguments: Backend.allCases, subjects)
    func `another client, number or known device has a code of its own`(
        on backend: Backend, _ subject: (name: String, change: @Sendable (inout PhoneLoginFixture) -> Void)
    ) async throws {
        try await backend.withStore { store in
            var other = login
            subject.change(&other)
            _ = try await login.start("one", code: "111111", on: store)
            _ = try await other.start("other", code: "222222", on: store)
            #expect(Set(try await login.takeTexts(on: store)) == ["111111", "222222"])

            for _ in 0..<5 { _ = try await login.guess("999999", at: "one", on: store) }
            #expect(try await login.guess("111111", at: "one", on: store) == .exhausted)
            #expect(try await other.guess("222222", at: "other", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refused start charges nothing, sends nothing and says why in the log`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let wide = try known(LimitCharge(.sendPerIP, Limit(count: 3, windowSeconds: 3600), subject: "address"))
            let narrow = try known(LimitCharge(.sendPerNumber, Limit(count: 1, windowSeconds: 3600), subject: "number"))
            #expect(try await login.start(charging: [wide, narrow], on: store).kind == .started)
            for _ in 0..<10 {
                guard case .limited(let refusal) = try await login.start(charging: [wide, narrow], on: store) else {
                    Issue.record("the number's limit is used up")
                    return
                }
                #expect(refusal == LimitRefusal(name: .sendPerNumber, limit: narrow.limit, retryAfterSeconds: 3600))
            }

            #expect(try await store.count("message") == 1)
            #expect(try await store.count("phone_operation") == 1)
            let events = try await store.log()
            #expect(events.count == 10)
            #expect(events.allSatisfy { $0.kind == .sendRefused && $0.rule == "sendPerNumber" })
            #expect(events.allSatisfy { $0.phone == "+8190****5678" && $0.retryAfterSeconds == 3600 })
            // Of the wider limit's three, one is used.
            #expect(try await login.start(charging: [wide], on: store).kind == .started)
            #expect(try await login.start(charging: [wide], on: store).kind == .started)
            #expect(try await login.start(charging: [wide], on: store).kind == .limited)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a start that finds the code exhausted charges nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.sendPerNumber, Limit(count: 2, windowSeconds: 3600), subject: "number"))
            _ = try await login.start("first", charging: [charge], on: store)
            for _ in 0..<5 { _ = try await login.guess("999999", at: "first", on: store) }
            for _ in 0..<5 {
                #expect(try await login.start(charging: [charge], on: store).kind == .exhausted)
            }
            let expiry = Timestamp.noon.adding(seconds: 180)
            #expect(try await login.start(charging: [charge], on: store, at: expiry).kind == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code whose seal does not open is replaced, with the guesses that were used`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            _ = try await login.start("first", code: "111111", on: store)
            _ = try await login.guess("999999", at: "first", on: store)
            var resealed = login
            resealed.secret = [UInt8](repeating: 0x11, count: 32)

            #expect(try await resealed.guess("111111", at: "first", on: store) == .wrong, "nobody can read it")
            _ = try await resealed.start("second", code: "222222", on: store)
            #expect(try await resealed.guess("999999", at: "second", on: store) == .wrong)
            #expect(try await resealed.guess("999999", at: "second", on: store) == .wrong)
            #expect(try await resealed.guess("222222", at: "second", on: store).kind == .passed)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a restart resets neither code, guesses nor limits`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            let charge = try known(LimitCharge(.sendPerNumber, Limit(count: 1, windowSeconds: 3600), subject: "number"))
            do {
                let store = try await database.open()
                _ = try await login.start("first", code: "111111", charging: [charge], on: store)
                for _ in 0..<4 { #expect(try await login.guess("999999", at: "first", on: store) == .wrong) }
            }
            let store = try await database.open()
            #expect(try await login.start(charging: [charge], on: store).kind == .limited)
            #expect(try await login.guess("999999", at: "first", on: store) == .exhausted)
            #expect(try await login.guess("111111", at: "first", on: store) == .exhausted)
        }
    }
}
