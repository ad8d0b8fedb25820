import Foundation
import OAuth
import PhoneNumbers
import RateLimiting
import TestSupport
import Testing
import Time

@testable import PhoneLogin

@Suite struct MoneyTests {
    static let amounts: [(text: String, millionths: Int64, printed: String)] = [
        ("0", 0, "0.00"), ("50", 50_000_000, "50.00"), ("0.0079", 7_900, "0.0079"), ("0.01", 10_000, "0.01"),
        ("1.5", 1_500_000, "1.50"), ("1.50", 1_500_000, "1.50"), ("0.000001", 1, "0.000001"),
        ("1.234567", 1_234_567, "1.234567"), ("007", 7_000_000, "7.00"), ("10.10", 10_100_000, "10.10"),
        ("0.100001", 100_001, "0.100001"),
        ("9999999999.999999", 9_999_999_999_999_999, "9999999999.999999"),
    ]

    @Test(arguments: amounts)
    func `amounts are exact to the millionth`(_ row: (text: String, millionths: Int64, printed: String)) throws {
        let money = try #require(Money(row.text))
        #expect(money.millionths == row.millionths)
        #expect(money.description == row.printed)
        #expect(Money(money.description) == money)
    }

    @Test(
        arguments: [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1 ", "1\n", "1.0000001", "10000000000.0", "1.2.3",
            "1..2", "0x1", "１２", "٣", "1_000", "$1", "NaN", "inf", "1.+1", "1.-1", "99999999999999999999",
        ])
    func `anything else is no amount`(_ text: String) {
        #expect(Money(text) == nil)
    }

    @Test func `amounts add up by the piece and divide by the hundred`() throws {
        let price = try #require(Money("0.0079"))
        #expect(price * 3 == Money("0.0237"))
        #expect(price * 0 == .zero)
        #expect(Money("50")?.percent(80) == Money("40"))
        #expect(Money("0.01")?.percent(100) == Money("0.01"))
        #expect(Money("500")?.percent(0) == .zero)
        let two = try #require(Money("2"))
        #expect(two < Money(millionths: 10_000_000), "as numbers, not as texts")
    }
}

@Suite struct TextingBudgetTests {
    private let names = (daily: LimitName.dailyBudget, monthly: LimitName.monthlyBudget)

    private func moment(_ text: String) throws -> Timestamp {
        let date = try #require(ISO8601DateFormatter().date(from: text))
        return Timestamp(seconds: Int64(date.timeIntervalSince1970))
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let now: String
        let day: String
        let dayEnds: String
        let month: String
        let monthEnds: String

        init(_ now: String, ends dayEnds: String, monthEnds: String) {
            (self.now, self.dayEnds, self.monthEnds) = (now, dayEnds, monthEnds)
            (day, month) = (String(now.prefix(10)), String(now.prefix(7)))
        }

        var testDescription: String { now }
    }

    static let rows: [Row] = [
        Row("2026-01-01T00:00:00Z", ends: "2026-01-02", monthEnds: "2026-02-01"),
        Row("2026-01-01T23:59:59Z", ends: "2026-01-02", monthEnds: "2026-02-01"),
        Row("2026-01-31T12:00:00Z", ends: "2026-02-01", monthEnds: "2026-02-01"),
        Row("2026-04-30T23:59:59Z", ends: "2026-05-01", monthEnds: "2026-05-01"),
        Row("2026-12-01T00:00:00Z", ends: "2026-12-02", monthEnds: "2027-01-01"),
        Row("2026-12-31T23:59:59Z", ends: "2027-01-01", monthEnds: "2027-01-01"),
        Row("2027-02-28T23:59:59Z", ends: "2027-03-01", monthEnds: "2027-03-01"),
        Row("2028-02-28T12:00:00Z", ends: "2028-02-29", monthEnds: "2028-03-01"),
        Row("2028-02-29T00:00:00Z", ends: "2028-03-01", monthEnds: "2028-03-01"),
        Row("2028-02-29T23:59:59Z", ends: "2028-03-01", monthEnds: "2028-03-01"),
        Row("2000-02-29T12:00:00Z", ends: "2000-03-01", monthEnds: "2000-03-01"),
        Row("2100-02-28T23:59:59Z", ends: "2100-03-01", monthEnds: "2100-03-01"),
    ]

    @Test(arguments: rows)
    func `a purse is filled at midnight, and on the first of the month`(_ row: Row) throws {
        let budget = TextingBudget(daily: Money("5"), monthly: Money("100"))
        for milliseconds in [Int64(0), 999] {
            let charges = budget.charges(
                of: "server", names: names, price: .zero, alertPercent: 80,
                at: try moment(row.now).adding(milliseconds: milliseconds))
            #expect(charges.map(\.period) == [row.day, row.month])
            let ends = [row.dayEnds, row.monthEnds].map { "\($0)T00:00:00.000Z" }
            #expect(charges.map(\.endsAt.internetDate) == ends)
        }
    }

    @Test func `a text is charged to the day and to the month`() throws {
        let price = try #require(Money("0.0079"))
        let charges = TextingBudget(daily: Money("5"), monthly: Money("100")).charges(
            of: "client:game", names: (.clientDailyBudget, .clientMonthlyBudget), price: price, alertPercent: 80,
            at: .noon)
        #expect(charges.map(\.name) == [.clientDailyBudget, .clientMonthlyBudget])
        #expect(charges.allSatisfy { $0.subject == "client:game" && $0.price == price })
        #expect(charges.map(\.budget) == [Money("5"), Money("100")])
        #expect(charges.map(\.alert) == [Money("4"), Money("80")])
    }

    @Test func `what has no budget is counted all the same`() throws {
        let charges = TextingBudget(daily: nil, monthly: Money("100")).charges(
            of: "server", names: names, price: .zero, alertPercent: 80, at: .noon)
        #expect(charges.count == 2)
        #expect(charges.first?.budget == nil)
        #expect(charges.first?.alert == nil)
    }
}

@Suite struct PriceTableTests {
    @Test func `a country has its price, and every other one the star's`() {
        let prices = PriceTable()
        #expect(prices.price(of: "US") == Money("0.01"))
        #expect(prices.price(of: "JP") == Money("0.08"))
        for region in ["XX", "", "us", "*"] { #expect(prices.price(of: region) == Money("0.30")) }
    }

    @Test func `the operator's own prices take the place of those that come along`() throws {
        let own = try ["JP": "0.0079", "DE": "0", "*": "1"].mapValues { try #require(Money($0)) }
        let prices = PriceTable(replacing: own)
        #expect(prices.price(of: "JP") == Money("0.0079"))
        #expect(prices.price(of: "DE") == .zero)
        #expect(prices.price(of: "US") == Money("0.01"))
        #expect(prices.price(of: "XX") == Money("1"))
    }
}

@Suite struct TextPriceTests {
    private func charges(
        _ settings: GuardSettings, client: Client = .fixture(), isKnownDevice: Bool = false, segments: Int = 2
    ) -> GuardCharges? {
        SendingGuard(settings).charges(
            for: .alice, client: client, isKnownDevice: isKnownDevice, segments: segments, at: .noon)
    }

    @Test func `a text costs its country's price times its segments`() throws {
        let budgets = try #require(charges(GuardSettings())).budgets
        #expect(budgets.map(\.name) == [.dailyBudget, .monthlyBudget])
        #expect(budgets.allSatisfy { $0.price == Money("0.16") && $0.subject == "server" })
    }

    @Test func `a client with a budget pays from its own purse too, and first`() throws {
        var client = Client.fixture()
        client.textingBudgetMonthly = Money("1")
        let budgets = try #require(charges(GuardSettings(), client: client)).budgets
        #expect(budgets.map(\.name) == [.clientDailyBudget, .clientMonthlyBudget, .dailyBudget, .monthlyBudget])
        #expect(budgets.map(\.subject) == ["client:game", "client:game", "server", "server"])
    }

    @Test func `each client has a purse for places that prove nothing`() throws {
        var settings = GuardSettings()
        let unproven = try #require(charges(settings)?.unproven)
        #expect(unproven.name == .unprovenBudget)
        #expect(unproven.subject == "unproven:game")
        #expect(unproven.period == "2026-01-01")
        #expect(unproven.price == Money("0.16"))
        #expect(unproven.budget == settings.unprovenBudget)
        settings.unprovenBudget = nil
        #expect(charges(settings)?.unproven == nil)
    }

    @Test func `what costs nothing is charged to nobody`() throws {
        let ofTheConsole = try #require(charges(GuardSettings(), segments: 0))
        #expect(ofTheConsole.budgets.isEmpty)
        #expect(ofTheConsole.unproven == nil)
        var settings = GuardSettings()
        settings.prices = PriceTable(replacing: ["JP": .zero])
        let free = try #require(charges(settings))
        #expect(free.budgets.isEmpty)
        #expect(free.unproven == nil)
        #expect(charges(.off) == nil)
    }

    @Test func `a known device costs what it costs, and counts for nothing else`() throws {
        let known = try #require(charges(GuardSettings(), isKnownDevice: true))
        #expect(known.conversions.isEmpty)
        #expect(known.budgets.count == 2)
        let stranger = try #require(charges(GuardSettings()))
        let subjects = ["range:+819012345", "block:+8190123", "country:JP:game", "client:game"]
        #expect(stranger.conversions.map(\.subject.key) == subjects)
    }
}
