import ArgumentParser
import DeveloperLog
import JOSE
import Storage
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Read the developer log: who was refused, and why.",
        discussion: "Events are kept for developerLog.retentionDays days. Numbers are masked.")

    @Option(help: "Only events of this kind, for instance send.refused.") var event: String?
    @Option(help: "Only events of this client.") var client: String?
    @Option(help: "Only events of numbers that end like this; the last four digits are known.") var phone: String?
    @Option(name: .customLong("request"), help: "Only events of this request id.") var requestID: String?
    @Option(help: "Only events of this rule, for instance sendPerNumber.") var rule: String?
    @Option(help: "Only events of the last so many minutes.") var minutes: Int?
    @Option(help: "At most so many, the newest.") var limit = 100
    @Flag(help: "Go on as new events come.") var follow = false
    @Flag(help: "One JSON object a line.") var json = false

    func validate() throws {
        if let event, SecurityEvent.Kind(rawValue: event) == nil {
            let known = SecurityEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--event must be one of \(known)")
        }
        guard limit > 0, minutes ?? 1 > 0 else { throw ValidationError("--limit and --minutes must be positive") }
    }

    func run() async throws {
        let (configuration, _) = try Invocation.current.context()
        let store = try await configuration.database.openStore()
        var filter = filter()
        repeat {
            for event in try await store.events(matching: filter) {
                print(json ? event.event.json.serializedText : event.event.text)
                filter.after = event.position
            }
            // A pipe would keep lines back until it has thousands.
            fflush(nil)
            filter.after = filter.after ?? 0
            guard follow else { return }
            try await Task.sleep(for: .milliseconds(500))
        } while !Task.isCancelled
    }

    private func filter() -> SecurityEventFilter {
        var filter = SecurityEventFilter()
        filter.kind = event
        filter.clientID = client
        filter.phoneSuffix = phone
        filter.requestID = requestID
        filter.rule = rule
        filter.limit = limit
        filter.since = minutes.map { WallClock.system.now().adding(seconds: -$0 * 60) }
        return filter
    }
}

extension SecurityEvent {
    var json: JSONValue {
        var members: JSONObject = [
            "at": .string(at.internetDate),
            "event": .string(kind.rawValue),
            "reason": .string(reason),
            "request_id": .string(requestID),
        ]
        if let clientID { members["client_id"] = .string(clientID) }
        if let phone { members["phone"] = .string(phone) }
        if let accountID { members["user_id"] = .string(accountID) }
        if let address { members["address"] = .string(address) }
        if let rule { members["rule"] = .string(rule) }
        if let figures { members["figures"] = .string(figures) }
        if let retryAfterSeconds { members["retry_after"] = .integer(Int64(retryAfterSeconds)) }
        return .object(members)
    }

    var text: String {
        let details = [
            clientID.map { "client=\($0)" }, accountID.map { "user=\($0)" }, phone.map { "phone=\($0)" },
            address.map { "address=\($0)" },
            rule.map { "rule=\($0)" }, figures.map { "figures=\"\($0)\"" }, retryAfterSeconds.map { "lifts_in=\($0)s" },
            "request=\(requestID)",
        ]
        return "\(at.internetDate) \(kind.rawValue): \(reason) " + details.compactMap(\.self).joined(separator: " ")
    }
}
