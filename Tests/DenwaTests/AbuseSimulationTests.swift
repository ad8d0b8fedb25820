import AbuseSimulation
import PhoneLogin
import RateLimiting
import TestSupport
import Testing

/// Attack 16 at length: what the figures of docs/abuse.md promise.
@Suite struct AbuseSimulationTests {
    /// What an unconfigured server spends at most in a day, on everybody.
    private static let statedSum = Money(millionths: 100_000_000)
    /// What strangers can take of it in places that prove nothing.
    private static let statedLoss = Money(millionths: 20_000_000)

    @Test(.timeLimit(.minutes(10)))
    func `an attack number after number costs little, and everybody else signs in`() async throws {
        let report = try await run(Scenario(.sequential))
        #expect(report.attackTexts < 100)
        #expect(report.lost < Self.statedLoss)
        #expect(report.spent <= Self.statedSum)
        #expect(report.honest.values.map(\.asked).reduce(0, +) == 1000)
        for (place, passage) in report.honest {
            #expect(passage.texted == passage.asked, "\(place)")
            #expect(passage.signedIn == passage.typed, "\(place)")
        }
        #expect(Set(report.refusals.keys) == ["conversionPerRange", "conversionPerBlock"])
    }

    @Test(.timeLimit(.minutes(10)))
    func `an attack on fifty countries stops at its purse, and everybody else signs in`() async throws {
        var scenario = Scenario(.manyCountries)
        scenario.attackRequests = 10_000
        let report = try await run(scenario)
        #expect(report.lost <= Self.statedLoss)
        #expect(report.spent <= Self.statedSum)
        for (place, passage) in report.honest { #expect(passage.signedIn == passage.typed, "\(place)") }
        #expect(report.honest.values.allSatisfy { $0.texted == $0.asked })
        #expect(Set(report.refusals.keys) == ["unprovenBudget"])
    }

    @Test(.timeLimit(.minutes(10)))
    func `an attack all over a country stops neither other countries nor other clients`() async throws {
        var scenario = Scenario(.scattered)
        scenario.attackRequests = 10_000
        let report = try await run(scenario)
        #expect(report.spent <= Self.statedSum)
        for place in ["otherCountry", "otherClient"] {
            let passage = try #require(report.honest[place])
            #expect(passage.texted == passage.asked, "\(place)")
        }
    }

    private func run(_ scenario: Scenario) async throws -> Report {
        try await withTemporaryDirectory { folder in
            try await Simulation(scenario, databasePath: "\(folder)/denwa.sqlite").run()
        }
    }
}
