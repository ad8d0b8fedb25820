import AccountManagement
import Accounts
import ArgumentParser
import JOSE
import Storage

extension UsersCommand {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every user as a line of JSON, as `users import` reads it.")
        @Flag(help: "With the hashes of passwords, which are worth guarding like passwords.")
        var withPasswordHashes = false
        @Flag(help: "JSON lines are the only form there is.") var json = false

        private static let batch = 500

        func run() async throws {
            let store = try await UsersCommand.store()
            var last: AccountID?
            while true {
                let accounts = try await store.accounts(after: last, atMost: Self.batch)
                for account in accounts where !account.profile.isTest {
                    print(
                        JSONValue.object(UserDocument.json(account, withPassword: withPasswordHashes)).serializedText)
                }
                guard let end = accounts.last?.profile.id, accounts.count == Self.batch else { return }
                last = end
            }
        }
    }
}
