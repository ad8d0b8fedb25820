import AccountManagement
import Accounts
import ArgumentParser
import Cryptography
import DeveloperLog
import JOSE
import PhoneLogin
import PhoneNumbers
import Storage
import Time

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Import and export users, show and change them, sign them out.",
        subcommands: [
            Import.self, Export.self, Show.self, SignOut.self, Disable.self, Enable.self, SetPhone.self, Delete.self,
        ])

    static func store() async throws -> SQLStore {
        let (configuration, _) = try Invocation.current.context()
        let store = try await configuration.database.openStore()
        return store
    }

    struct Target: ParsableArguments {
        @Argument(
            help:
                "A user's id (the `sub` of its tokens), a number such as +819012345678, LOGIN_NAME:name or EMAIL:address."
        ) var user: String
        @Flag(help: "Print JSON.") var json = false

        /// Does it, and shows the user as it is then.
        func run(_ act: (SQLStore, AccountProfile, Timestamp) async throws -> Void) async throws {
            let store = try await UsersCommand.store()
            guard let profile = try await store.profile(LoginIdentifier(reference: user)) else {
                throw Failure("There is no such user.")
            }
            try await act(store, profile, WallClock.system.now())
            guard let after = try await store.profile(.id(profile.id)) else {
                print(
                    json
                        ? JSONValue.object(["id": .string(profile.id.rawValue), "deleted": true]).serializedText
                        : "\(profile.id.rawValue) deleted")
                return
            }
            print(json ? JSONValue.object(UserDocument.json(after)).serializedText : after.lines)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a user.")
        @OptionGroup var target: Target

        func run() async throws { try await target.run { _, _, _ in } }
    }

    struct SignOut: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a user's browser sessions and tokens; they may sign in again.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, profile, now in
                try await store.endSessions(of: profile.id, andTokens: true, from: .operator, at: now)
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep a user out: no sign-in, and no token of theirs is active any more.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, profile, now in
                _ = try await store.setDisabled(true, .id(profile.id), at: now)
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")
        @OptionGroup var target: Target

        func run() async throws {
            try await target.run { store, profile, now in
                _ = try await store.setDisabled(false, .id(profile.id), at: now)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a user for good; the same number gets another id when it comes again.")
        @OptionGroup var target: Target
        @Flag(help: "Do not ask.") var yes = false

        func run() async throws {
            try await target.run { store, profile, now in
                try Confirmation.ask("Delete \(profile.id.rawValue) for good?", isGiven: yes)
                let pseudonym = "deleted-\(Entropy.system.identifier())"
                _ = try await store.delete(profile.id, pseudonym: pseudonym, from: .operator, at: now)
            }
        }
    }

    struct SetPhone: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-phone",
            abstract: "Give a user another number, which counts as proved; sessions and tokens go on.")
        @OptionGroup var target: Target
        @Argument(help: "The new number, such as +819012345678.") var number: String
        @Flag(help: "Take it away from the user who has it.") var take = false

        func run() async throws {
            guard let phone = try? PhoneNumber(e164Input: number) else { throw Failure("This is not a phone number.") }
            try await target.run { store, profile, now in
                guard
                    try await store.setNumber(
                        phone.e164, of: profile.id, takingIt: take, from: .operator, at: now)
                else { throw Failure("Another user has this number; --take takes it away from them.") }
            }
        }
    }
}

extension AccountProfile {
    /// For people.
    fileprivate var lines: String {
        var lines = ["\(id.rawValue) \(isDisabled ? "disabled" : "enabled")"]
        func add(_ name: String, _ value: String?) {
            if let value { lines.append("  \(name.padded(to: 14))\(value)") }
        }
        add("number", number.map { $0.isProven ? $0.text : "\($0.text) (not proved)" })
        add("pending", pendingNumber)
        add("e-mail", email.map { $0.isProven ? $0.text : "\($0.text) (not proved)" })
        add("pending", pendingEmail)
        add("login name", loginName)
        add("name", displayName)
        add("country", country)
        add("locale", locale)
        add("password", hasPassword ? "set" : nil)
        add("created", createdAt.internetDate)
        return lines.joined(separator: "\n")
    }
}
