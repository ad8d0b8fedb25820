import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import PhoneNumbers
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// Whose a number or an address is, when several acts at once have to do with it.
@Suite struct AddressRaceTests {
    private static let rounds = 12
    private static let number = "+819012345678"

    private let fixture = AccountFixture()
    private let login = PhoneLoginFixture()

    @Test(arguments: Backend.allCases)
    func `nobody has on their word what somebody else proves meanwhile`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<Self.rounds {
                var claimant = AccountFixture.named("user \(round)")
                claimant.number = Self.number
                let claiming = claimant
                async let proof = login.signIn(on: stores[0])
                async let word = claiming.register(on: stores[1])
                _ = try await (proof, word)
                #expect(try await stores[0].count("account_phone") == 1)
                #expect(try await stores[0].count("address_claim") == 0)
                try await stores[0].run("DELETE FROM account_phone")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account that proves two numbers at once has one of them`(on backend: Backend) async throws {
        let numbers = ["+819011112222", "+819033334444"]
        try await backend.withStores(2) { stores in
            for _ in 0..<Self.rounds {
                let account = try await login.signIn(on: stores[0]).account
                _ = try await race(2) { index in
                    try await stores[index].setNumber(
                        numbers[index], of: account, takingIt: true, from: .home, at: .noon)
                }
                #expect(try await stores[0].count("account_phone", where: "account_id = '\(account.rawValue)'") == 1)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a number that comes by a file and by a sign-in at once is one account's`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(2) { stores in
            for round in 0..<Self.rounds {
                let row = ImportRow(
                    digest: SHA256Digest(of: "row \(round)"), id: AccountID("imported \(round)"),
                    number: AccountAddress(Self.number, isProven: true), loginName: nil, email: nil, password: nil,
                    displayName: nil, country: nil, locale: nil, createdAt: .noon, isDisabled: false, properties: [])
                async let file = stores[0].importAccounts([row], at: .noon)
                async let person = login.signIn(on: stores[1])
                let (outcomes, passed) = try await (file, person)
                #expect(outcomes == [passed.account == row.id ? .imported : .duplicate(field: "phone_number")])
                #expect(try await stores[0].count("account_phone") == 1)
                try await stores[0].run("DELETE FROM account_phone")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code for a number that is deleted meanwhile opens nothing and reaches nobody`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(2) { stores in
            for _ in 0..<Self.rounds {
                let account = try await login.signIn(on: stores[0]).account
                async let text = fixture.text(.number(begunIn: nil), to: "+819033334444", for: account, on: stores[0])
                async let deletion = stores[1].delete(account, pseudonym: "deleted", from: .home, at: .noon)
                _ = try await (text, deletion)
                #expect(try await stores[0].count("address_pending") == 0)
                #expect(try await stores[0].count("phone_challenge") == 0)
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 16 who take one login name at once one gets it, and the others are told`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            var accounts: [AccountID] = []
            for index in 0..<16 {
                accounts.append(try await AccountFixture.named("user \(index)").registered(on: stores[0]))
            }
            let everybody = accounts
            let name = (text: "Queen", key: try known(FoldedText("Queen")))
            let outcomes = try await race(16) { index in
                var update = AccountUpdate()
                update.loginName = name
                return try await stores.turn(index).update(everybody[index], update, from: .home, at: .noon)
            }
            #expect(outcomes.count { if case .updated = $0 { true } else { false } } == 1)
            #expect(outcomes.count { if case .taken(.loginName) = $0 { true } else { false } } == 15)
        }
    }
}
