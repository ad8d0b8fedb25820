import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// What the guard counts and decides inside a start's transaction.
@Suite struct SendingGuardTests {
    /// Of a guard with small limits: a tenth of 10 is one, 80 % are eight.
    private func guarded(_ configure: (inout GuardSettings) -> Void = { _ in }) -> PhoneLoginFixture {
        var settings = GuardSettings()
        settings.unconfirmedPerRange = Limit(count: 10, windowSeconds: 1000)
        settings.unconfirmedPerBlock = Limit(count: 20, windowSeconds: 1000)
        settings.unconfirmedPerCountry = Limit(count: 30, windowSeconds: 1000)
        settings.unconfirmedPerClient = Limit(count: 50, windowSeconds: 1000)
        settings.blockSeconds = 500
        configure(&settings)
        var login = PhoneLoginFixture()
        login.guarding = SendingGuard(settings)
        return login
    }

    /// `index` is the number's end, so a thousand of them are a range.
    private func number(_ index: Int, prefix: String = "+8190") -> PhoneNumber {
        PhoneNumber(trusted: "\(prefix)\(10_000_000 + index)", region: "JP", lineType: .mobile)
    }

    private func start(
        _ login: PhoneLoginFixture, _ phone: PhoneNumber, operation: String = Unique.name("operation"),
        on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> PhoneOperationStart.Kind {
        var login = login
        login.phone = phone
        return try await login.start(operation, code: "246802", on: store, at: now).kind
    }

    private func signIn(
        _ login: PhoneLoginFixture, _ phone: PhoneNumber, on store: SQLStore, at now: Timestamp = .noon
    ) async throws {
        var login = login
        login.phone = phone
        try await login.signIn(on: store, at: now)
    }

    private func outcomes(
        _ login: PhoneLoginFixture, of indexes: Range<Int>, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> [PhoneOperationStart.Kind] {
        var outcomes: [PhoneOperationStart.Kind] = []
        for index in indexes { outcomes.append(try await start(login, number(index), on: store, at: now)) }
        return outcomes
    }

    private func areAll(
        _ kind: PhoneOperationStart.Kind, _ login: PhoneLoginFixture, of indexes: Range<Int>, on store: SQLStore
    ) async throws -> Bool {
        try await outcomes(login, of: indexes, on: store).allSatisfy { $0 == kind }
    }

    @Test(arguments: Backend.allCases)
    func `a range that confirms nothing is throttled, gets one text now and then, and is blocked`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            #expect(try await areAll(.started, login, of: 0..<9, on: store))
            // The ninth was the one text that a throttled range gets; the next is a tenth of the window away.
            #expect(try await areAll(.limited, login, of: 9..<30, on: store))
            let later = Timestamp.noon.adding(seconds: 100)
            #expect(try await start(login, number(30), on: store, at: later) == .started)
            #expect(try await start(login, number(31), on: store, at: later.adding(seconds: 100)) == .blocked)
            #expect(try await store.count("message") == 10)
            let events = try await store.log().filter { $0.kind == .sendRefused }
            #expect(Set(events.map(\.rule)) == ["conversionPerRange"])
            #expect(events.first?.figures == "range +819010000: 9 texts, 0 confirmed, limit 10/1000")
            #expect(events.first?.retryAfterSeconds == 100)
            #expect(events.allSatisfy { $0.phone == nil }, "a masked number beside its range would be the number")
            #expect(events.last?.retryAfterSeconds == 500)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a block lifts when its time is over`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.unconfirmedPerRange = Limit(count: 1, windowSeconds: 10) }
            #expect(try await start(login, number(0), on: store) == .started)
            #expect(try await start(login, number(1), on: store) == .blocked)
            let end = Timestamp.noon.adding(seconds: 500)
            #expect(try await start(login, number(2), on: store, at: end.adding(milliseconds: -1)) == .blocked)
            #expect(try await start(login, number(3), on: store, at: end) == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `people who confirm are never held up, however many they are`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            for index in 0..<200 { try await signIn(login, number(index), on: store) }
            #expect(try await store.count("account") == 200)
        }
    }

    @Test(arguments: Backend.allCases)
    func `one confirmed code makes up for three that are not`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            for index in 0..<10 { try await signIn(login, number(index), on: store) }
            // Ten of ten confirmed: thirty more on credit, and eight as anybody has.
            let outcomes = try await outcomes(login, of: 10..<60, on: store)
            #expect(outcomes.prefix { $0 == .started }.count == 30 + 8 + 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `who asks for the same code again is not counted again`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            for _ in 0..<40 { #expect(try await start(login, number(0), on: store) == .started) }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a device that signed in before is not held up by what strangers do`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            #expect(try await outcomes(login, of: 0..<20, on: store).last == .limited)
            var known = login
            known.device = .phoneOfAlice
            #expect(try await start(known, number(500), on: store) == .started)
            #expect(try await start(login, number(501), on: store) == .limited)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a bad block answers for itself: its country and client go on`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            // Range by range, as an attack would.
            for range in 0..<50 {
                for index in 0..<20 { _ = try await start(login, number(range * 1000 + index), on: store) }
            }
            #expect(try await store.count("message") <= 20)
            for index in 0..<10 {
                #expect(try await start(login, number(index * 100_000, prefix: "+8180"), on: store) == .started)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `what one client's strangers do in a country stops no other client and no other country`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            for index in 0..<100 { _ = try await start(login, number(index * 100_000, prefix: "+8180"), on: store) }
            #expect(try await start(login, number(5_000_000), on: store) == .limited)
            var other = login
            other.client = .fixture("other")
            #expect(try await start(other, number(5_100_000), on: store) == .started)
            let german = PhoneNumber(trusted: "+4915112345678", region: "DE", lineType: .mobile)
            #expect(try await start(login, german, on: store) == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a refused text leaves no count behind`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            var login = guarded()
            login.segments = 1
            let before = try await outcomes(login, of: 0..<9, on: store)
            #expect(before.allSatisfy { $0 == .started })
            let ledger = try await store.guardReport(limit: 100, at: .noon)
            _ = try await outcomes(login, of: 9..<100, on: store)
            let after = try await store.guardReport(limit: 100, at: .noon)
            #expect(after.rows.map(\.traffic.sent) == ledger.rows.map(\.traffic.sent))
            #expect(after.purses == ledger.purses)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a guard that only watches refuses nothing and says what it would have`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.mode = .dryRun }
            #expect(try await areAll(.started, login, of: 0..<40, on: store))
            let kinds = try await store.log().map(\.kind)
            #expect(Set(kinds) == [.guardDryRun])
            #expect(kinds.count > 20)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a guard that is off counts nothing`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.mode = .off }
            #expect(try await areAll(.started, login, of: 0..<100, on: store))
            #expect(try await store.count("traffic") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `unblocking forgets what was counted there`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded()
            #expect(try await outcomes(login, of: 0..<20, on: store).last == .limited)
            #expect(try await store.unblock(.subject(.range("+819010000"))) == 1)
            #expect(try await start(login, number(30), on: store) == .started)
            #expect(try await store.unblock(.country("JP")) == 1)
            #expect(try await store.unblock(.country("DE")) == 0)
            #expect(try await store.unblock(.all) > 0)
            #expect(try await store.count("traffic") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of texts that race for a limit no more than its count leave`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let login = guarded { $0.unconfirmedPerRange = Limit(count: 100, windowSeconds: 1000) }
            let started = Tally()
            _ = try await race(200) { index in
                let store = try await stores.turn(index)
                if try await start(login, number(index), on: store) == .started { started.add() }
            }
            // The block's eighty percent, and the one text that it gets then.
            #expect(started.count == 16 + 1)
        }
    }
}

@Suite struct TextingBudgetActTests {
    private func guarded(_ configure: (inout GuardSettings) -> Void) -> PhoneLoginFixture {
        var settings = GuardSettings()
        settings.prices = PriceTable(replacing: ["JP": Money(millionths: 1_000_000), "DE": Money(millionths: 0)])
        settings.budget = TextingBudget()
        settings.unprovenBudget = nil
        configure(&settings)
        var login = PhoneLoginFixture()
        login.guarding = SendingGuard(settings)
        login.segments = 1
        return login
    }

    private func start(
        _ index: Int, _ login: PhoneLoginFixture, region: String = "JP", on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> PhoneOperationStart.Kind {
        var login = login
        login.phone = PhoneNumber(
            trusted: "+8190\(10_000_000 + index * 100_000)", region: region, lineType: .mobile)
        return try await login.start(on: store, at: now).kind
    }

    @Test(arguments: Backend.allCases)
    func `a day's budget stops texts until the next day, and is reported once before`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.budget.daily = Money(millionths: 10_000_000) }
            for index in 0..<10 { #expect(try await start(index, login, on: store) == .started) }
            for index in 10..<15 { #expect(try await start(index, login, on: store) == .overBudget) }
            let log = try await store.log()
            let alerts = log.filter { $0.kind == .budgetAlert }
            #expect(alerts.count == 1)
            #expect(alerts.first?.rule == "dailyBudget")
            #expect(alerts.first?.figures == "server 2026-01-01: 7.00 of 10.00 spent, this text costs 1.00")
            let refused = log.filter { $0.kind == .sendRefused }
            #expect(refused.count == 5)
            #expect(refused.first?.retryAfterSeconds == 12 * 3600)
            #expect(try await start(20, login, on: store, at: .noon.adding(seconds: 12 * 3600)) == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a client's budget stops only that client`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            var login = guarded { $0.budget.daily = Money(millionths: 100_000_000) }
            login.client.textingBudgetMonthly = Money(millionths: 3_000_000)
            for index in 0..<3 { #expect(try await start(index, login, on: store) == .started) }
            #expect(try await start(3, login, on: store) == .overBudget)
            #expect(try await store.log().last?.rule == "clientMonthlyBudget")
            var other = login
            other.client = .fixture("other")
            #expect(try await start(4, other, on: store) == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `what costs nothing is not stopped`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.budget.daily = Money(millionths: 1) }
            #expect(try await start(0, login, on: store) == .overBudget)
            #expect(try await start(1, login, region: "DE", on: store) == .started)
            var free = login
            free.segments = 0
            #expect(try await start(2, free, on: store) == .started)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code asked for again is paid from the same purse`(on backend: Backend) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.unprovenBudget = Money(millionths: 3_000_000) }
            for _ in 0..<3 { #expect(try await start(0, login, on: store) == .started) }
            #expect(try await start(0, login, on: store) == .overBudget)
        }
    }

    @Test(arguments: Backend.allCases)
    func `places that prove nothing share a small purse, and those that confirm do not need it`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store async throws in
            let login = guarded { $0.unprovenBudget = Money(millionths: 5_000_000) }
            for index in 0..<5 { #expect(try await start(index, login, on: store) == .started) }
            #expect(try await start(5, login, on: store) == .overBudget)
            #expect(try await store.log().last?.rule == "unprovenBudget")

            var proven = login
            proven.client = .fixture("proven")
            for index in 10..<12 {
                proven.phone = PhoneNumber(
                    trusted: "+8190\(10_000_000 + index * 100_000)", region: "JP", lineType: .mobile)
                try await proven.signIn(on: store)
            }
            // The first came from the purse. Two confirmed earned six more; the rest of the purse comes after those.
            var outcomes: [PhoneOperationStart.Kind] = []
            for index in 20..<40 { outcomes.append(try await start(index, proven, on: store)) }
            #expect(outcomes.prefix { $0 == .started }.count == 6 + 4)
            #expect(outcomes.suffix(10).allSatisfy { $0 == .overBudget })
        }
    }
}
