import Cryptography
import JOSE
import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct MessageRoutingTests {
    private func connector(_ name: String, countries: Set<String> = [], weight: Int? = nil) -> ConfiguredConnector {
        ConfiguredConnector(
            name: name, type: "scripted", connector: ScriptedConnector(.takes), countries: countries, weight: weight)
    }

    /// That takes texts and e-mails alike.
    private func console(countries: Set<String> = []) -> ConfiguredConnector {
        ConfiguredConnector(name: "console", type: "console", connector: ConsoleConnector(), countries: countries)
    }

    private func mail() throws -> ConfiguredConnector {
        let reading = ConnectorCatalogue.read(
            [["type": "smtp", "host": "mail.example", "from": "login@mail.example"]], receiptBase: "",
            isReachable: false, environment: [:])
        return try #require(reading.connectors.first)
    }

    private func names(
        _ connectors: [ConfiguredConnector], _ channel: MessageChannel = .sms, region: String = "JP",
        without failed: Set<String> = []
    ) -> [String] {
        MessageRouting(connectors, entropy: .seeded(1)).order(of: channel, region: region, without: failed).map(\.name)
    }

    @Test func `connectors are tried in the order of the list`() {
        let connectors = ["a", "b", "c", "d"].map { connector($0) }
        #expect(names(connectors) == ["a", "b", "c", "d"])
        #expect(names(connectors.reversed()) == ["d", "c", "b", "a"])
        #expect(names([]).isEmpty)
    }

    @Test func `what had a text already does not get it again`() {
        let connectors = ["a", "b", "c"].map { connector($0) }
        #expect(names(connectors, without: ["b"]) == ["a", "c"])
        #expect(names(connectors, without: ["a", "c", "x"]) == ["b"])
        #expect(names(connectors, without: ["a", "b", "c"]).isEmpty)
    }

    @Test func `a connector for some countries gets texts to no others`() {
        let connectors = [
            connector("asia", countries: ["JP", "KR"]), connector("all"), connector("america", countries: ["US"]),
        ]
        #expect(names(connectors, region: "JP") == ["asia", "all"])
        #expect(names(connectors, region: "US") == ["all", "america"])
        #expect(names(connectors, region: "DE") == ["all"])
        #expect(names(connectors, region: "jp") == ["all"])
        #expect(names(connectors, region: "") == ["all"], "a number of no country")
    }

    @Test func `an e-mail goes where e-mails are taken, whatever the countries`() throws {
        let connectors = [connector("sms"), try mail(), console(countries: ["JP"])]
        #expect(names(connectors, .email, region: "") == ["smtp", "console"])
        #expect(names(connectors, .sms, region: "JP") == ["sms", "console"])
        #expect(names(connectors, .sms, region: "US") == ["sms"])
    }

    // MARK: - Weights

    /// How often each order was drawn.
    private func orders(_ connectors: [ConfiguredConnector], region: String = "JP") -> [String: Int] {
        let routing = MessageRouting(connectors, entropy: .seeded(1))
        var counts: [String: Int] = [:]
        for _ in 0..<4000 {
            let order = routing.order(of: .sms, region: region, without: [])
            counts[order.map(\.name).joined(), default: 0] += 1
        }
        return counts
    }

    @Test func `neighbours with weights share the texts, and stand in for each other`() {
        let counts = orders([connector("a", weight: 3), connector("b", weight: 1)])
        #expect(Set(counts.keys) == ["ab", "ba"])
        // Five standard deviations.
        #expect((2863...3137).contains(counts["ab", default: 0]))
    }

    @Test func `the ones not drawn are drawn for too`() {
        let counts = orders([connector("a", weight: 2), connector("b", weight: 1), connector("c", weight: 1)])
        #expect(Set(counts.keys) == ["abc", "acb", "bac", "bca", "cab", "cba"])
        #expect((1842...2158).contains(counts["abc", default: 0] + counts["acb", default: 0]))
        #expect((530...803).contains(counts["bac", default: 0]))
        #expect((228...438).contains(counts["bca", default: 0]))
    }

    @Test func `one without a weight keeps its place between those that share`() {
        let counts = orders([
            connector("a", weight: 1), connector("b", weight: 1), connector("-"), connector("c", weight: 1),
            connector("d", weight: 1),
        ])
        #expect(Set(counts.keys) == ["ab-cd", "ab-dc", "ba-cd", "ba-dc"])
        #expect(counts.values.allSatisfy { (863...1137).contains($0) })
    }

    @Test func `a weight alone changes nothing`() {
        #expect(orders([connector("a", weight: 1000), connector("b")]) == ["ab": 4000])
        #expect(orders([connector("a"), connector("b", weight: 1)]) == ["ab": 4000])
    }

    @Test func `those that cannot take a text leave their share to the others`() {
        let connectors = [
            connector("a", weight: 1000), connector("b", countries: ["US"], weight: 1000), connector("c", weight: 1000),
        ]
        #expect((1842...2158).contains(orders(connectors)["ac", default: 0]))
        let order = MessageRouting(connectors, entropy: .seeded(1)).order(of: .sms, region: "JP", without: ["a"])
        #expect(order.map(\.name) == ["c"])
    }

    // MARK: - When nobody can

    private func fail(_ connector: ConfiguredConnector, at now: Timestamp) {
        for _ in 0..<5 { _ = connector.breaker.record(.unreachable, at: now) }
    }

    @Test func `a route is closed while all of its connectors are, and until the first may be tried again`() {
        let connectors = [connector("a"), connector("b"), connector("far", countries: ["US"])]
        let routing = MessageRouting(connectors)
        func seconds(_ region: String = "JP", after seconds: Int) -> Int? {
            routing.unavailableSeconds(for: .sms, region: region, at: .noon.adding(seconds: seconds))
        }
        #expect(seconds(after: 0) == nil)
        fail(connectors[0], at: .noon)
        #expect(seconds(after: 0) == nil)
        fail(connectors[1], at: .noon.adding(seconds: 10))
        #expect(seconds(after: 10) == 5)
        #expect(seconds(after: 14) == 1)
        #expect(seconds(after: 15) == nil, "one text may find out")
        #expect(seconds("US", after: 10) == nil, "one more goes there")
        _ = connectors[1].breaker.record(.accepted(providerID: nil), at: .noon.adding(seconds: 11))
        #expect(seconds(after: 11) == nil)
    }

    @Test func `where no connector goes it does not help to come back soon`() throws {
        let routing = MessageRouting([connector("near", countries: ["JP"])])
        #expect(routing.unavailableSeconds(for: .sms, region: "US", at: .noon) == 3600)
        #expect(routing.unavailableSeconds(for: .email, region: "", at: .noon) == 3600)
        #expect(MessageRouting([]).unavailableSeconds(for: .sms, region: "JP", at: .noon) == 3600)
        #expect(MessageRouting([try mail()]).unavailableSeconds(for: .email, region: "", at: .noon) == nil)
    }

    @Test func `texts cost money where anybody but the console takes them`() throws {
        let routing = MessageRouting([console(), connector("near", countries: ["JP"]), try mail()])
        #expect(routing.costsMoney(.sms, region: "JP"))
        #expect(!routing.costsMoney(.sms, region: "US"))
        #expect(!routing.costsMoney(.email, region: ""))
    }

    @Test func `a connector shows nothing of its secrets`() throws {
        let reading = ConnectorCatalogue.read(
            [.object(HTTPProvider.twilio.entry(["authToken": "a secret token"]))], receiptBase: "", isReachable: false,
            environment: [:])
        let configured = try #require(reading.connectors.first)
        var dumped = ""
        dump(configured, to: &dumped)
        for text in ["\(configured)", "\([configured])", String(reflecting: configured), dumped] {
            #expect(!text.contains("a secret token"))
        }
    }
}
