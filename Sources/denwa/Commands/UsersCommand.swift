import Accounts
import ArgumentParser
import DeveloperLog
import JOSE
import Storage
import Time

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Show users, sign them out, disable and enable them.",
        subcommands: [Show.self, SignOut.self, Disable.self, Enable.self])

    struct Target: ParsableArguments {
        @Argument(help: "A user's id (the `sub` of its tokens), or a number such as +819012345678.") var user: String
        @Flag(help: "Print JSON.") var json = false

        func run(_ act: (SQLStore, AccountReference, Timestamp) async throws -> Account?) async throws {
            let (configuration, _) = try Invocation.current.context()
            let store = SQLStore(engine: try Composition.openDatabase(configuration.databasePath))
            let now = WallClock.system.now()
            try await store.migrate(at: now)
            guard let account = try await act(store, AccountReference(user), now) else {
                throw Failure("There is no such user.")
            }
            let object: JSONValue = ["id": .string(account.id.rawValue), "disabled": .bool(account.isDisabled)]
            let status = account.isDisabled ? "disabled" : "enabled"
            print(json ? object.serializedText : "\(account.id.rawValue) \(status)")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a user.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, reference, _ in try await store.account(reference) }
        }
    }

    struct SignOut: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a user's browser sessions and tokens; they may sign in again.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, reference, now in
                guard let account = try await store.account(reference) else { return nil }
                try await store.endSessions(of: account.id, andTokens: true, from: .operator, at: now)
                return account
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep a user out: no sign-in, and no token of theirs is active any more.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, reference, now in try await store.setDisabled(true, reference, at: now) }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, reference, now in try await store.setDisabled(false, reference, at: now) }
        }
    }
}
