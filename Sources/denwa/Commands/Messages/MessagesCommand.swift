import ArgumentParser
import JOSE
import Messaging
import PhoneNumbers
import Storage
import Time

struct MessagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages", abstract: "Try connectors, follow texts, preview their words, and look at the guard.",
        subcommands: [Test.self, List.self, Show.self, Retry.self, Preview.self, GuardCommand.self])

    static func store() async throws -> (SQLStore, ServerConfiguration) {
        let (configuration, _) = try Invocation.current.context()
        let store = try await configuration.database.openStore()
        return (store, configuration)
    }
}

extension MessagesCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the newest texts.",
            discussion: "A text is kept for a day after its code died; its words only until it is final.")
        @Option(help: "Only texts that are queued, sent, delivered, failed or expired.") var state: String?
        @Option(help: "Only texts of this client.") var client: String?
        @Option(help: "At most so many.") var limit = 50
        @Flag(help: "One JSON object a line.") var json = false

        func validate() throws {
            if let state, MessageState(rawValue: state) == nil {
                let known = MessageState.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--state must be one of \(known)")
            }
            guard limit > 0 else { throw ValidationError("--limit must be positive") }
        }

        func run() async throws {
            let (store, _) = try await MessagesCommand.store()
            let messages = try await store.messages(
                in: state.flatMap(MessageState.init(rawValue:)), of: client, limit: limit)
            if messages.isEmpty, !json { print("There are no such texts.") }
            for message in messages { print(json ? message.json.serializedText : message.line) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one text, with its provider's last words.")
        @Argument(help: "Its id, as `messages list` shows it.") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (store, _) = try await MessagesCommand.store()
            guard let message = try await store.message(id) else { throw Failure("There is no such text.") }
            guard !json else { return print(message.json.serializedText) }
            for member in message.json.object?.members ?? [] {
                let value = member.value.string ?? member.value.serializedText
                print("\(member.name.padded(to: 18)) \(value)")
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a text again while its code lives: at once, or through the next connector.",
            discussion: "A running server sends it within a second.")
        @Argument(help: "Its id, as `messages list` shows it.") var id: String

        func run() async throws {
            let (store, configuration) = try await MessagesCommand.store()
            if let message = try await store.message(id), message.state == .sent, message.dueAt != nil {
                let had = message.failedConnectors + [message.connector].compactMap(\.self)
                let names = configuration.connectors.map(\.name).filter { !had.contains($0) }
                guard !names.isEmpty else { throw Failure("Every connector has had this text.") }
            }
            switch try await store.retry(id, at: WallClock.system.now()) {
            case .hastened: print("Queued again: it is sent at once.")
            case .movedOn: print("Queued again: the next connector gets it.")
            case .underWay: throw Failure("A connector has the text right now: look again in some seconds.")
            case .final(let state):
                throw Failure("The text is \(state.rawValue) and its words are gone: the person asks for a new code.")
            case .unknown: throw Failure("There is no such text.")
            }
        }
    }
}

extension MessageRecord {
    fileprivate var maskedRecipient: String {
        switch channel {
        case .sms: PhoneNumber(trusted: recipient, region: region, lineType: .unknown).masked
        case .email: "\(recipient.prefix(1))****@\(recipient.split(separator: "@").last ?? "")"
        }
    }

    fileprivate var line: String {
        [
            createdAt.internetDate, id, state.rawValue.padded(to: 9), maskedRecipient.padded(to: 16),
            "client=\(clientID)", connector.map { "connector=\($0)" }, answer.map { "answer=\"\($0)\"" },
        ].compactMap(\.self).joined(separator: " ")
    }

    fileprivate var json: JSONValue {
        var members: JSONObject = [
            "id": .string(id), "state": .string(state.rawValue), "channel": .string(channel.rawValue),
            "to": .string(maskedRecipient), "country": .string(region), "client_id": .string(clientID),
            "template": .string(template), "locale": .string(locale), "created_at": .string(createdAt.internetDate),
            "expires_at": .string(expiresAt.internetDate), "attempts": .integer(Int64(attempts)),
        ]
        if let dueAt { members["due_at"] = .string(dueAt.internetDate) }
        if let connector { members["connector"] = .string(connector) }
        if let providerID { members["provider_id"] = .string(providerID) }
        if !failedConnectors.isEmpty {
            members["failed_connectors"] = .array(failedConnectors.map(JSONValue.string))
        }
        if let answer, !answer.isEmpty { members["answer"] = .string(answer) }
        return .object(members)
    }
}
