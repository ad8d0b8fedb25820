import Accounts
import Cryptography
import DeveloperLog
import JOSE
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// Users from elsewhere, by the thousand: once each, and nobody's place is taken.
@Suite struct ImportActTests {
    /// A user of another system; a test changes one member.
    private struct User: Sendable {
        var row: String
        var id: String
        var number: AccountAddress?
        var name: String?
        var email: (text: String, isProven: Bool)?
        var password: String?
        var isDisabled = false
        var properties: [AccountProperty] = []

        init(_ index: Int) {
            row = "row \(index)"
            id = "imported \(index)"
            number = AccountAddress("+8190000010\(10 + index)", isProven: true)
            name = "user\(index)"
            email = ("user\(index)@example.com", true)
        }

        var imported: ImportRow {
            get throws {
                ImportRow(
                    digest: SHA256Digest(of: row), id: AccountID(id), number: number,
                    loginName: try name.map { (text: $0, key: try known(FoldedText($0))) },
                    email: try email.map { (address: try known(EmailAddress($0.text)), isProven: $0.isProven) },
                    password: password, displayName: "Somebody", country: "JP", locale: "ja",
                    createdAt: .noon.adding(seconds: -86_400), isDisabled: isDisabled, properties: properties)
            }
        }
    }

    private func take(_ users: [User], on store: SQLStore) async throws -> [ImportOutcome] {
        try await store.importAccounts(try users.map { try $0.imported }, at: .noon)
    }

    @Test(arguments: Backend.allCases)
    func `a user comes in whole, and signs in`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var user = User(0)
            (user.number, user.password) = (
                AccountAddress("+819012345678", isProven: true), try AccountFixture.encoded("old")
            )
            user.properties = [AccountProperty(name: "level", value: 7)]
            #expect(try await take([user], on: store) == [.imported])
            let profile = try #require(try await store.profile(.id(AccountID("imported 0"))))
            #expect(profile.number == AccountAddress("+819012345678", isProven: true))
            #expect(profile.email == AccountAddress("user0@example.com", isProven: true))
            #expect(profile.loginName == "user0" && profile.hasPassword && !profile.isDisabled)
            #expect(profile.displayName == "Somebody" && profile.country == "JP" && profile.locale == "ja")
            #expect(profile.createdAt == .noon.adding(seconds: -86_400))
            #expect(try await store.properties(of: profile.id, named: nil) == user.properties)
            #expect(try await PhoneLoginFixture().signIn(on: store).account == profile.id)
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is unproven comes in as an app's word, and a disabled user disabled`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var user = User(0)
            (user.number, user.email) = (AccountAddress("+819012345678", isProven: false), ("u@example.com", false))
            user.isDisabled = true
            _ = try await take([user], on: store)
            let profile = try #require(try await store.profile(.id(AccountID("imported 0"))))
            #expect(profile.number?.isProven == false && profile.email?.isProven == false && profile.isDisabled)
            #expect(try await PhoneLoginFixture().signIn(on: store).account != profile.id)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the same row comes in once, in one file or in two`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let first = try await take([User(0), User(0)], on: store)
            #expect(first == [.imported, .alreadyThere])
            #expect(try await take([User(0), User(1)], on: store) == [.alreadyThere, .imported])
            #expect(try await store.count("account") == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of processes that import one file at once each row comes in once`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let users = (0..<20).map(User.init)
            let outcomes = try await race(4) { try await take(users, on: stores[$0]) }
            for index in users.indices {
                #expect(outcomes.count { $0[index] == .imported } == 1)
                #expect(outcomes.count { $0[index] == .alreadyThere } == 3)
            }
            #expect(try await stores[0].count("account") == 20)
        }
    }

    /// One thing of another user's, in a row that is new otherwise.
    static let clashes = ["id", "phone_number", "login_name", "email"]

    @Test(arguments: Backend.allCases, clashes)
    func `a row that wants what somebody has is told by its field, and nothing of it comes in`(
        on backend: Backend, _ field: String
    ) async throws {
        for (owned, said) in [(true, true), (true, false), (false, false)] {
            try await clash(on: backend, field, ownedByProof: owned, saidToBeProven: said)
        }
    }

    private func clash(on backend: Backend, _ field: String, ownedByProof owned: Bool, saidToBeProven said: Bool)
        async throws
    {
        try await backend.withStore { store in
            var (owner, user) = (User(0), User(1))
            owner.number = AccountAddress("+819000001010", isProven: owned)
            owner.email = ("user0@example.com", owned)
            switch field {
            case "id": user.id = owner.id
            case "phone_number": user.number = AccountAddress("+819000001010", isProven: said)
            case "login_name": user.name = "ＵＳＥＲ0"
            default: user.email = ("USER0@example.com", said)
            }
            user.properties = [AccountProperty(name: "level", value: 7)]
            let outcomes = try await take([owner, user, User(2)], on: store)
            #expect(outcomes == [.imported, .duplicate(field: field), .imported], "the others come in all the same")
            #expect(try await store.count("account") == 2)
            #expect(try await store.count("account_property") == 0)
            #expect(try await store.profile(.id(AccountID("imported 0")))?.loginName == "user0")
            #expect(try await store.places(of: "imported 1") == [])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what a file says was proved takes it from whoever only said it`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var claimant = AccountFixture.named("mallory")
            (claimant.number, claimant.email) = ("+819000001010", "user0@example.com")
            let mallory = try await claimant.registered(on: store)
            #expect(try await take([User(0)], on: store) == [.imported])
            let profile = try #require(try await store.profile(.id(mallory)))
            #expect(profile.number == nil && profile.email == nil)
            #expect(try await store.profile(.number("+819000001010"))?.id == AccountID("imported 0"))
        }
    }

    @Test(arguments: Backend.allCases)
    func `several clashes are told by the first field`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await take([User(0), User(1)], on: store)
            var user = User(1)
            (user.row, user.id) = ("another row", "imported 0")
            for field in Self.clashes {
                #expect(try await take([user], on: store) == [.duplicate(field: field)])
                switch field {
                case "id": user.id = "another"
                case "phone_number": user.number = nil
                case "login_name": user.name = nil
                default: user.email = nil
                }
            }
            #expect(try await take([user], on: store) == [.imported])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a row that was mended since is known by its id and what it is called`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await take([User(0)], on: store)
            var user = User(0)
            (user.row, user.password) = ("mended row", "another")
            let outcomes = try await take([user], on: store)
            #expect(outcomes == [.alreadyThere])
            #expect(try await store.profile(.id(AccountID("imported 0")))?.hasPassword == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `no import brings back the id of somebody who was deleted`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await take([User(0)], on: store)
            _ = try await store.delete(AccountID("imported 0"), pseudonym: "deleted-1", from: .home, at: .noon)
            var user = User(1)
            user.id = "imported 0"
            #expect(try await take([user], on: store) == [.duplicate(field: "id")])
            user.id = "imported 1"
            #expect(try await take([user], on: store) == [.imported])
        }
    }

    @Test(arguments: Backend.allCases)
    func `after a crash between batches the same file is just run again`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            let users = (0..<30).map(User.init)
            _ = try await take(Array(users[..<16]), on: database.open())
            let store = try await database.open()
            var again: [ImportOutcome] = []
            for start in stride(from: 0, to: 30, by: 10) {
                again += try await take(Array(users[start..<start + 10]), on: store)
            }
            #expect(again == Array(repeating: .alreadyThere, count: 16) + Array(repeating: .imported, count: 14))
            #expect(try await store.count("account") == 30)
            #expect(try await take(users, on: store).allSatisfy { $0 == .alreadyThere })
        }
    }

    @Test(arguments: Backend.allCases)
    func `a dry run says the same and changes nothing`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await take([User(0)], on: store)
            var clash = User(1)
            clash.name = "User0"
            let rows = try [User(0), clash, User(2)].map { try $0.imported }
            #expect(try await store.wouldImport(rows) == [.alreadyThere, .duplicate(field: "login_name"), .imported])
            #expect(try await store.count("account") == 1)
            let outcomes = try await store.importAccounts(rows, at: .noon)
            #expect(outcomes == [.alreadyThere, .duplicate(field: "login_name"), .imported])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what is exported comes page by page, each account once`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await take((0..<7).map(User.init), on: store)
            var seen: [AccountID] = []
            while true {
                let page = try await store.accounts(after: seen.last, atMost: 3)
                if page.isEmpty { break }
                seen += page.map(\.profile.id)
            }
            #expect(seen.map(\.rawValue) == (0..<7).map { "imported \($0)" })
        }
    }
}
