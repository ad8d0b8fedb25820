package import RateLimiting

/// The rules that keep strangers from spending the texting budget; see `guard.*` in the configuration reference and
/// docs/abuse.md.
package struct GuardSettings: Sendable, Equatable {
    package enum Mode: String, Sendable, CaseIterable {
        case enforce
        /// Counts and logs, refuses nothing.
        case dryRun
        case off
    }

    package var mode = Mode.enforce
    package var refusesVoIP = false
    package var refusesFixedLine = true
    package var unconfirmedPerRange = Limit(count: 40, windowSeconds: 86_400)
    package var unconfirmedPerBlock = Limit(count: 60, windowSeconds: 86_400)
    package var unconfirmedPerCountry = Limit(count: 500, windowSeconds: 86_400)
    package var unconfirmedPerClient = Limit(count: 1000, windowSeconds: 86_400)
    package var minimumConversionPercent = 25
    package var blockSeconds = 86_400
    /// Of the whole server.
    package var budget = TextingBudget(
        daily: Money(millionths: 100_000_000), monthly: Money(millionths: 1_000_000_000))
    /// What each client's texts to places that prove nothing may cost a day.
    package var unprovenBudget: Money? = Money(millionths: 20_000_000)
    package var budgetAlertPercent = 80
    package var prices = PriceTable()

    package init() {}
}
