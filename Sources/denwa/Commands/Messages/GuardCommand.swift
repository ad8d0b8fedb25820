import ArgumentParser
import JOSE
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import Time

struct GuardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "Show what the guard of the texting budget counts, and let a place go.",
        subcommands: [Status.self, Unblock.self], defaultSubcommand: Status.self)

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show spending, and where texts are not confirmed.",
            discussion: "`denwa log --event send.refused` tells who was refused, by which rule, and when it lifts.")
        @Option(help: "At most so many places, most unconfirmed first.") var limit = 20
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (store, configuration) = try await MessagesCommand.store()
            let now = WallClock.system.now()
            let report = try await store.guardReport(limit: max(1, limit), at: now)
            let settings = configuration.guardSettings
            let places = report.rows.compactMap { row in
                SendingGuard(settings).rule(of: row.subject).map { Place(row, rule: $0, at: now) }
            }.filter { $0.counts.sent > 0 || $0.standing != .free }
            let clients = (try? ClientsCommand.file().0.clients) ?? []
            if json {
                let object: JSONValue = [
                    "mode": .string(settings.mode.rawValue),
                    "spending": .array(report.purses.map { $0.json(settings, clients) }),
                    "places": .array(places.map { $0.json(at: now) }),
                ]
                return print(object.serializedText)
            }
            print("mode \(settings.mode.rawValue)")
            for purse in report.purses { print(purse.text(settings, clients)) }
            for place in places { print(place.line(at: now)) }
        }
    }

    struct Unblock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget what was counted of a place, so that texts go there again.")
        @Option(help: "A thousand numbers: one of them without its last three digits, such as +819012345.")
        var range: String?
        @Option(help: "A hundred thousand numbers: one without its last five digits.") var block: String?
        @Option(help: "ISO 3166-1 code.") var country: String?
        @Option(help: "A client's id.") var client: String?
        @Flag(help: "Everything.") var all = false

        private var places: [GuardedPlaces] {
            [
                range.map { .subject(.range($0)) }, block.map { .subject(.block($0)) },
                country.map { .country($0.uppercased()) }, client.map { .subject(.client($0)) }, all ? .all : nil,
            ].compactMap(\.self)
        }

        func validate() throws {
            guard places.count == 1, country.map({ $0.utf8.count == 2 }) ?? true else {
                throw ValidationError("give one of --range, --block, --country (two letters), --client and --all")
            }
        }

        func run() async throws {
            let (store, _) = try await MessagesCommand.store()
            guard let place = places.first else { return }
            let count = try await store.unblock(place)
            guard count > 0 else { throw Failure("Nothing was counted there.") }
            print(all ? "Forgotten: \(count) places." : "Forgotten: texts go there again.")
        }
    }
}

/// A subject with its rule, as of now.
private struct Place {
    let subject: TrafficSubject
    let rule: ConversionRule
    let traffic: Traffic
    let counts: (sent: Int, confirmed: Int)
    let standing: ConversionRule.Standing

    init(_ row: GuardReport.Row, rule: ConversionRule, at now: Timestamp) {
        subject = row.subject
        self.rule = rule
        traffic = rule.rolled(row.traffic, from: row.period, at: now)
        counts = rule.counts(traffic, at: now)
        standing = rule.standing(of: traffic, at: now)
    }

    func line(at now: Timestamp) -> String {
        let name = "\(subject.kind) \(subject.name)"
        let lifts =
            standing == .blocked ? " lifts in \(now.secondsRoundedUp(until: traffic.blockedUntil)) s" : ""
        return "\(standing.rawValue.padded(to: 9)) \(name.padded(to: 24)) "
            + "\(counts.sent) codes, \(counts.confirmed) confirmed, limit \(rule.limit)\(lifts)"
    }

    func json(at now: Timestamp) -> JSONValue {
        var members: JSONObject = [
            "kind": .string(subject.kind), "name": .string(subject.name), "standing": .string(standing.rawValue),
            "sent": .integer(Int64(counts.sent)), "confirmed": .integer(Int64(counts.confirmed)),
            "limit": .string("\(rule.limit)"),
        ]
        if standing == .blocked {
            members["lifts_in"] = .integer(Int64(now.secondsRoundedUp(until: traffic.blockedUntil)))
        }
        return .object(members)
    }
}

extension GuardReport.Purse {
    private func budget(_ settings: GuardSettings, _ clients: [Client]) -> Money? {
        let isOfDay = period.utf8.count == 10
        let owner = subject.split(separator: ":", maxSplits: 1).map(String.init)
        switch owner.first {
        case "server": return isOfDay ? settings.budget.daily : settings.budget.monthly
        case "unproven": return settings.unprovenBudget
        default:
            let client = clients.first { $0.id.rawValue == owner.last }
            return isOfDay ? client?.textingBudgetDaily : client?.textingBudgetMonthly
        }
    }

    fileprivate func text(_ settings: GuardSettings, _ clients: [Client]) -> String {
        let budget = budget(settings, clients).map { " of \($0)" } ?? ""
        return "spent \(period.padded(to: 10)) \(spent)\(budget) \(subject)"
    }

    fileprivate func json(_ settings: GuardSettings, _ clients: [Client]) -> JSONValue {
        var members: JSONObject = [
            "subject": .string(subject), "period": .string(period), "spent": .string("\(spent)"),
        ]
        if let budget = budget(settings, clients) { members["budget"] = .string("\(budget)") }
        return .object(members)
    }
}
