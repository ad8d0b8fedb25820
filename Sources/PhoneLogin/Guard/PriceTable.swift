package import RateLimiting

/// What one segment of a text costs, by country.
package struct PriceTable: Sendable, Equatable {
    /// By ISO 3166-1 alpha-2; `*` is every other one.
    private var prices: [String: Money]

    /// The planning figures, with the operator's own in their place.
    package init(replacing own: [String: Money] = [:]) {
        prices = Self.planningFigures.merging(own) { _, own in own }
    }

    package func price(of region: String) -> Money { prices[region] ?? prices["*"] ?? .zero }

    /// Round figures in US dollars to count with until an operator sets those of their provider (`guard.prices`).
    /// Nobody's price list: rounded up from the order of magnitude that providers publish, so that a budget ends
    /// early rather than late.
    private static let planningFigures: [String: Money] = {
        let cents: [(tenths: Int64, regions: String)] = [
            (10, "US CA PR"),
            (50, "CN KR SE NO FI DK IE PL LT LV EE CZ PT TH TW"),
            (80, "GB HK SG JP FR IT AT CH AU ES BR MX CO PE TR NZ ZA AR CL GR HU RO SK SI HR MO CY LU"),
            (120, "DE BE NL IN AE SA QA KW BG RS IL UA MY PH VN EC BO PY UY CR PA GT DO"),
            (500, "RU ID LK BD PK NG EG UZ TJ AZ"),
        ]
        var figures = ["*": Money(millionths: 300_000)]
        for (tenths, regions) in cents {
            for region in regions.split(separator: " ") {
                figures[String(region)] = Money(millionths: tenths * 1000)
            }
        }
        return figures
    }()
}
