import ArgumentParser
import DeveloperLog
import JOSE
import OAuth
import Storage
import Time

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Clients that registered themselves (RFC 7591) live in the database, not in the file.
extension ClientsCommand {
    /// `nil` where no server ran yet: looking makes no database.
    static func store() async throws -> SQLStore? {
        let database = try Invocation.current.configuration().0.database
        return database.isThere ? try await database.openStore() : nil
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a client that registered itself said of itself.")
        @Argument(help: "Its client_id.") var client: String

        func run() async throws {
            guard let found = try await ClientsCommand.store()?.registeredClient(ClientID(client)) else {
                throw Failure("No client registered itself by that client_id.")
            }
            var members: JSONObject = [
                "client_id": .string(found.id.rawValue), "client_id_issued_at": .integer(found.issuedAt.seconds),
                "has_secret": .bool(found.secretDigest != nil),
            ]
            for member in found.metadata.members { members[member.name] = member.value }
            print(JSONValue.object(members).serializedText)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a client that registered itself, and end everything that people granted it.")
        @Argument(help: "Its client_id.") var client: String
        @Flag(help: "Do not ask.") var yes = false

        func run() async throws {
            guard let store = try await ClientsCommand.store(),
                try await store.registeredClient(ClientID(client)) != nil
            else { throw Failure("No client registered itself by that client_id.") }
            try Confirmation.ask("Remove the client and end its grants?", isGiven: yes)
            let id = ClientID(client)
            guard try await store.delete(id, presenting: nil, from: .operator, at: WallClock.system.now()) else {
                throw Failure("The client is gone already.")
            }
            print("\(client) deleted")
        }
    }
}
