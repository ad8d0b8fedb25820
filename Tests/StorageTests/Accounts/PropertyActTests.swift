import Accounts
import DeveloperLog
import JOSE
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// What apps keep with an account, and how much of it.
@Suite struct PropertyActTests {
    private let fixture = AccountFixture.named("alice")

    private func property(_ name: String, _ value: JSONValue) -> AccountProperty {
        AccountProperty(name: name, value: value)
    }

    /// A property that takes exactly so many bytes.
    private func property(_ name: String, taking bytes: Int) -> AccountProperty {
        property(name, .string(String(repeating: "a", count: bytes - name.utf8.count - 2)))
    }

    private enum Saving: Equatable { case saved, tooLarge, gone, taken }

    private func save(
        _ properties: [AccountProperty], removing names: [String] = [], named displayName: String? = nil,
        of account: AccountID, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> Saving {
        var update = AccountUpdate()
        (update.properties, update.removedProperties, update.displayName) = (properties, names, displayName)
        switch try await store.update(account, update, from: .home, at: now) {
        case .updated: return .saved
        case .tooLarge: return .tooLarge
        case .gone: return .gone
        case .taken: return .taken
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is saved is added to what is there, name by name`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            #expect(
                try await save([property("a", 1), property("b", ["x": [true, .null]])], of: account, on: store)
                    == .saved)
            #expect(try await save([property("a", "two"), property("A", .null)], of: account, on: store) == .saved)
            let kept = try await store.properties(of: account, named: nil)
            #expect(kept == [property("A", .null), property("a", "two"), property("b", ["x": [true, .null]])])
            #expect(
                try await store.properties(of: account, named: ["b", "c"]) == [property("b", ["x": [true, .null]])])
            #expect(try await store.properties(of: account, named: []).isEmpty)
            #expect(try await save([], removing: ["a", "none"], of: account, on: store) == .saved)
            #expect(try await store.properties(of: account, named: nil).map(\.name) == ["A", "b"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account holds 500 KB and not a byte more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            let half = AccountProperty.totalLimit / 2
            #expect(AccountProperty.totalLimit == 512_000)
            #expect(try await save([property("first", taking: half)], of: account, on: store) == .saved)
            #expect(try await save([property("second", taking: half)], of: account, on: store) == .saved)
            #expect(try await save([property("c", 1)], of: account, on: store) == .tooLarge)
            #expect(try await save([property("second", taking: half + 1)], of: account, on: store) == .tooLarge)
            let room = try await save([property("second", taking: half - 2), property("c", 1)], of: account, on: store)
            #expect(room == .saved, "what is replaced makes room")
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account has so many names and not one more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            let full = (0..<AccountProperty.countLimit).map { property("name \($0)", 0) }
            #expect(try await save(full, of: account, on: store) == .saved)
            #expect(try await save([property("one more", 0)], of: account, on: store) == .tooLarge)
            #expect(try await save([property("one more", 0)], removing: ["name 7"], of: account, on: store) == .saved)
        }
    }

    @Test(arguments: Backend.allCases)
    func `nothing of a refused save is kept`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await fixture.registered(on: store)
            #expect(try await save([property("kept", 1)], named: "Alice", of: account, on: store) == .saved)
            let later = Timestamp.noon.adding(seconds: 60)
            let refused = try await save(
                [property("new", 2), property("kept", 3), property("large", taking: 600_000)], removing: ["kept"],
                named: "Mallory", of: account, on: store, at: later)
            #expect(refused == .tooLarge)
            #expect(try await store.properties(of: account, named: nil) == [property("kept", 1)])
            let profile = try #require(try await store.profile(.id(account)))
            #expect(profile.displayName == "Alice" && profile.updatedAt == .noon)
        }
    }

    @Test(arguments: Backend.allCases)
    func `saves that race for the last room fill it and no more`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let account = try await fixture.registered(on: stores[0])
            let fifth = AccountProperty.totalLimit / 5
            let outcomes = try await race(16) { index in
                try await save([property("part \(index)", taking: fifth)], of: account, on: stores.turn(index))
            }
            #expect(outcomes.count { $0 == .saved } == 5)
            #expect(outcomes.count { $0 == .tooLarge } == 11)
            #expect(try await stores[0].count("account_property") == 5)
        }
    }

    @Test(arguments: Backend.allCases)
    func `nobody sees or fills another's`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let alice = try await fixture.registered(on: store)
            let bob = try await AccountFixture.named("bob").registered(on: store)
            #expect(try await save([property("large", taking: 500_000)], of: alice, on: store) == .saved)
            #expect(try await store.properties(of: bob, named: nil).isEmpty)
            #expect(try await save([property("large", taking: 500_000)], of: bob, on: store) == .saved)
            #expect(try await save([], removing: ["large"], of: bob, on: store) == .saved)
            #expect(try await store.properties(of: alice, named: ["large"]).count == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of two accounts that take one name or address one gets it, and nothing else of the other's wish`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(2) { stores in
            let accounts = [
                try await fixture.registered(on: stores[0]),
                try await AccountFixture.named("bob").registered(on: stores[0]),
            ]
            for field in [AccountField.loginName, .email] {
                var update = AccountUpdate()
                if field == .loginName {
                    update.loginName = (text: "Queen", key: try known(FoldedText("Queen")))
                } else {
                    update.email = GivenAddress(key: "q@example.com", text: "q@example.com", isToBeProved: false)
                }
                update.properties = [property("crown", 1)]
                let wish = update
                let taken = try await race(2) { index in
                    if case .taken(let field) = try await stores[index].update(
                        accounts[index], wish, from: .home, at: .noon)
                    {
                        field
                    } else {
                        nil as AccountField?
                    }
                }
                #expect(taken.compactMap(\.self) == [field])
            }
            #expect(try await stores[0].count("account", where: "login_key = 'queen'") == 1)
            #expect(try await stores[0].count("address_claim") == 1)
        }
    }
}
