import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
package import PhoneLogin
import PhoneNumbers
package import RateLimiting
import SQLiteDriver
import Storage
import Time

/// What a scenario came to.
package struct Report: Sendable {
    /// Of one minute.
    package struct Minute: Sendable, Equatable {
        package var attackRequests = 0
        package var attackTexts = 0
        package var honestRequests = 0
        package var honestTexts = 0
    }

    package struct Passage: Sendable, Equatable {
        package var asked = 0
        package var texted = 0
        /// Signed in, of those who typed their code.
        package var typed = 0
        package var signedIn = 0
    }

    package var minutes: [Minute]
    /// By where honest people were: same country, other country, other client.
    package var honest: [String: Passage] = [:]
    package var attackTexts = 0
    /// What all texts cost, by the guard's prices.
    package var spent = Money.zero
    /// What the attack's texts cost.
    package var lost = Money.zero
    /// Refusals of the attack, by the rule that the log names.
    package var refusals: [String: Int] = [:]
}

/// The phone login of a server with everything as it comes, but for a provider that costs money, on a real database
/// and a clock of its own.
package struct Simulation: Sendable {
    private let scenario: Scenario
    private let store: SQLStore
    private let flow: PhoneLoginFlow
    private let seal: MessageSeal
    private let prices = GuardSettings().prices
    private let start = Timestamp(seconds: 1_767_268_800)

    /// How many requests are under way at once.
    private static let width = 64

    package init(_ scenario: Scenario, databasePath: String, guarding: GuardSettings = GuardSettings()) async throws {
        self.scenario = scenario
        store = SQLStore(engine: try SQLiteDatabase(path: databasePath))
        try await store.migrate(at: start)
        let secret = Entropy.system.bytes(32)
        seal = MessageSeal(secret: secret, entropy: .system)
        let clients = ["game", "shop"].compactMap { id in
            RedirectURI("https://\(id).example/cb").map { uri in
                Client(
                    id: ClientID(id), name: id, authenticationMethod: .none, redirectURIs: [uri],
                    grantTypes: [.authorizationCode])
            }
        }
        // Texts stay in the outbox, where the people of the scenario read them: what counts is that they cost.
        let provider = ConfiguredConnector(name: "provider", type: "provider", connector: ConsoleConnector())
        flow = PhoneLoginFlow(
            registry: ClientRegistry(clients), store: store, log: store, settings: PhoneLoginSettings(),
            sessions: SessionSettings(), issuer: .localhost(port: 8080), authorizationCodeLifetimeSeconds: 60,
            secret: secret, sendingGuard: SendingGuard(guarding), routing: MessageRouting([provider]),
            doorbell: Doorbell(), entropy: .system)
    }

    package func run() async throws -> Report {
        var report = Report(minutes: Array(repeating: .init(), count: scenario.seconds / 60))
        var waiting: [(due: Timestamp, login: Pending)] = []
        var arrivals = scenario.arrivals(from: start)[...]
        while !arrivals.isEmpty {
            // So many at once as a busy server has, but never over a second's end: people's answers come in between.
            let end = arrivals[arrivals.startIndex].at.adding(seconds: 1)
            let batch = arrivals.prefix(Self.width).prefix { $0.at < end }
            arrivals = arrivals.dropFirst(batch.count)
            let now = batch.first?.at ?? end
            try await confirm(waiting.filter { $0.due <= now }.map(\.login), into: &report)
            waiting.removeAll { $0.due <= now }
            for outcome in try await starts(batch) {
                count(outcome, in: &report)
                if let login = outcome.pending, let seconds = outcome.arrival.confirmsAfterSeconds {
                    waiting.append((outcome.arrival.at.adding(seconds: seconds), login))
                }
            }
        }
        try await confirm(waiting.map(\.login), into: &report)
        let ledger = try await store.guardReport(limit: 1, at: start)
        report.spent = ledger.purses.first { $0.subject == "server" && $0.period.utf8.count == 10 }?.spent ?? .zero
        try await countRefusals(into: &report)
        return report
    }
}

// MARK: - Steps

extension Simulation {
    /// A login whose text is on its way.
    private struct Pending: Sendable {
        let arrival: Arrival
        let operationID: String
        let code: String
    }

    private struct Outcome: Sendable {
        let arrival: Arrival
        let operationID: String?
        var pending: Pending?
    }

    private func starts(_ batch: ArraySlice<Arrival>) async throws -> [Outcome] {
        var outcomes = try await withThrowingTaskGroup(of: Outcome.self) { group in
            for arrival in batch { group.addTask { try await begin(arrival) } }
            return try await group.reduce(into: [Outcome]()) { $0.append($1) }
        }
        // Whoever was texted reads it.
        guard outcomes.contains(where: { $0.operationID != nil }), let now = batch.first?.at else { return outcomes }
        let claimed = try await store.claimMessages(
            atMost: 1000, leaseUntil: now.adding(seconds: 86_400), at: now.adding(seconds: 1))
        let codes = Dictionary(
            claimed.compactMap { message in
                seal.open(message.sealedContent, id: message.id)?.parameters[.code].map { (message.recipient, $0) }
            }, uniquingKeysWith: { $1 })
        for index in outcomes.indices {
            if let id = outcomes[index].operationID, let code = codes[outcomes[index].arrival.number] {
                outcomes[index].pending = Pending(arrival: outcomes[index].arrival, operationID: id, code: code)
            }
        }
        return outcomes
    }

    private func begin(_ arrival: Arrival) async throws -> Outcome {
        let request = PhoneLoginRequest(
            responseType: "code", clientID: arrival.client, state: "a long enough state", scope: nil,
            redirectURI: nil, codeChallenge: nil, codeChallengeMethod: nil, uiLocales: nil, acceptLanguage: nil,
            phoneNumber: arrival.number, sendLink: false, linkURL: nil, deviceID: nil)
        do throws(PhoneLoginError) {
            let started = try await flow.start(request, from: origin(of: arrival), at: arrival.at)
            return Outcome(arrival: arrival, operationID: started.operationID)
        } catch {
            if case .unavailable(let cause) = error { throw cause }
            if case .notAPhoneNumber = error { throw InvalidScenario(number: arrival.number) }
            return Outcome(arrival: arrival, operationID: nil)
        }
    }

    private func origin(of arrival: Arrival) -> RequestOrigin {
        RequestOrigin(
            requestID: arrival.place == nil ? Self.attackID : "honest", address: arrival.address)
    }

    private static let attackID = "attack"

    private func count(_ outcome: Outcome, in report: inout Report) {
        let minute = min(
            Int((outcome.arrival.at.milliseconds - start.milliseconds) / 60_000), report.minutes.count - 1)
        let isTexted = outcome.operationID != nil
        guard let place = outcome.arrival.place else {
            report.minutes[minute].attackRequests += 1
            guard isTexted else { return }
            report.minutes[minute].attackTexts += 1
            report.attackTexts += 1
            if let phone = try? PhoneNumber(e164Input: outcome.arrival.number) {
                report.lost = Money(millionths: report.lost.millionths + prices.price(of: phone.region).millionths)
            }
            return
        }
        report.minutes[minute].honestRequests += 1
        report.honest[place.rawValue, default: .init()].asked += 1
        guard isTexted else { return }
        report.minutes[minute].honestTexts += 1
        report.honest[place.rawValue, default: .init()].texted += 1
    }

    private func confirm(_ logins: [Pending], into report: inout Report) async throws {
        let results = try await withThrowingTaskGroup(of: (Place?, Bool).self) { group in
            for login in logins {
                group.addTask {
                    let now = login.arrival.at.adding(seconds: login.arrival.confirmsAfterSeconds ?? 0)
                    let confirmation = PhoneLoginConfirmation(
                        clientID: login.arrival.client, code: login.code, operationID: login.operationID,
                        phoneNumber: login.arrival.number, deviceID: nil)
                    let completed = try? await flow.confirm(confirmation, from: origin(of: login.arrival), at: now)
                    return (login.arrival.place, completed != nil)
                }
            }
            return try await group.reduce(into: [(Place?, Bool)]()) { $0.append($1) }
        }
        for (place, isSignedIn) in results {
            guard let place else { continue }
            report.honest[place.rawValue, default: .init()].typed += 1
            report.honest[place.rawValue, default: .init()].signedIn += isSignedIn ? 1 : 0
        }
    }

    /// The log keeps so many an hour; the shares of those are the shares of all.
    private func countRefusals(into report: inout Report) async throws {
        var filter = SecurityEventFilter()
        filter.requestID = Self.attackID
        filter.limit = 1_000_000
        for event in try await store.events(matching: filter) {
            report.refusals[event.event.rule ?? "none", default: 0] += 1
        }
    }
}

/// A number of the scenario that is none.
package struct InvalidScenario: Error { package let number: String }
