package import RateLimiting
package import Time

/// One text's price, to be taken from one purse in one period.
package struct BudgetCharge: Sendable, Equatable {
    package let name: LimitName
    /// `server`, or `client:` and its id.
    package let subject: String
    /// `2026-11-21`, or `2026-11`.
    package let period: String
    package let endsAt: Timestamp
    package let price: Money
    /// `nil`: counted, never refused.
    package let budget: Money?
    /// From here on the operator is told, once.
    package let alert: Money?
}

/// What may be spent on texts, a day and a month (UTC).
package struct TextingBudget: Sendable, Equatable {
    package var daily: Money?
    package var monthly: Money?

    package init(daily: Money? = nil, monthly: Money? = nil) {
        self.daily = daily
        self.monthly = monthly
    }

    /// - Parameter names: of the rules, the day's and the month's.
    func charges(
        of subject: String, names: (daily: LimitName, monthly: LimitName), price: Money, alertPercent: Int,
        at now: Timestamp
    ) -> [BudgetCharge] {
        let date = now.internetDate
        let day = Int64(86_400_000)
        let midnight = Timestamp(milliseconds: (now.milliseconds / day + 1) * day)
        return [
            BudgetCharge(
                name: names.daily, subject: subject, period: String(date.prefix(10)), endsAt: midnight, price: price,
                budget: daily, alert: daily?.percent(alertPercent)),
            BudgetCharge(
                name: names.monthly, subject: subject, period: String(date.prefix(7)),
                endsAt: Self.endOfMonth(after: midnight), price: price, budget: monthly,
                alert: monthly?.percent(alertPercent)),
        ]
    }

    /// The first midnight at or after `midnight` that begins a month.
    private static func endOfMonth(after midnight: Timestamp) -> Timestamp {
        var first = midnight
        while first.internetDate.dropFirst(8).prefix(2) != "01" { first = first.adding(seconds: 86_400) }
        return first
    }
}
