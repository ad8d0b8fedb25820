import OAuth
import PhoneNumbers
import RateLimiting
import Time

/// Everything that the guard wants counted for one text.
package struct GuardCharges: Sendable {
    package typealias Conversion = (subject: TrafficSubject, rule: ConversionRule)

    /// Narrowest first.
    package let conversions: [Conversion]
    package let budgets: [BudgetCharge]
    /// Besides, of a text to a place that proves nothing: where few confirm, or nobody did yet.
    package let unproven: BudgetCharge?
    /// Counted and logged, but not refused.
    package let isDryRun: Bool
}

/// Keeps strangers from spending the texting budget: what it counts, and for whom.
package struct SendingGuard: Sendable {
    package let settings: GuardSettings

    package init(_ settings: GuardSettings) { self.settings = settings }

    /// `nil` when the guard is off.
    ///
    /// - Parameters:
    ///   - isKnownDevice: people who signed in before are not held up by what strangers do. What they cost counts.
    ///   - segments: that cost money.
    func charges(
        for phone: PhoneNumber, client: Client, isKnownDevice: Bool, segments: Int, at now: Timestamp
    ) -> GuardCharges? {
        guard settings.mode != .off else { return nil }
        let conversions = TrafficSubject.all(of: phone, client: client.id).compactMap { subject in
            rule(of: subject).map { (subject: subject, rule: $0) }
        }
        return GuardCharges(
            conversions: isKnownDevice ? [] : conversions,
            budgets: segments == 0 ? [] : budgets(for: phone, client: client, segments: segments, at: now),
            unproven: segments == 0 ? nil : unproven(phone, client: client, segments: segments, at: now),
            isDryRun: settings.mode == .dryRun)
    }

    /// Whose credit a confirmed text is.
    func confirmed(
        _ identity: PhoneIdentity, in region: String, by client: ClientID, isKnownDevice: Bool
    ) -> [TrafficSubject] {
        guard settings.mode != .off, !isKnownDevice, identity.testClient == nil else { return [] }
        return TrafficSubject.all(
            of: PhoneNumber(trusted: identity.number, region: region, lineType: .unknown), client: client)
    }

    package func rule(of subject: TrafficSubject) -> ConversionRule? {
        switch subject {
        case .range: rule(.conversionPerRange, settings.unconfirmedPerRange, blockSeconds: settings.blockSeconds)
        case .block: rule(.conversionPerBlock, settings.unconfirmedPerBlock, blockSeconds: settings.blockSeconds)
        case .country: rule(.conversionPerCountry, settings.unconfirmedPerCountry, blockSeconds: nil)
        case .client: rule(.conversionPerClient, settings.unconfirmedPerClient, blockSeconds: nil)
        }
    }

    private func rule(_ name: LimitName, _ limit: Limit?, blockSeconds: Int?) -> ConversionRule? {
        limit.map {
            ConversionRule(
                name: name, limit: $0, textsPerConfirmation: 100 / max(1, settings.minimumConversionPercent),
                blockSeconds: blockSeconds)
        }
    }

    private func unproven(
        _ phone: PhoneNumber, client: Client, segments: Int, at now: Timestamp
    ) -> BudgetCharge? {
        let price = settings.prices.price(of: phone.region) * segments
        guard price > .zero, let budget = settings.unprovenBudget else { return nil }
        return TextingBudget(daily: budget).charges(
            of: "unproven:\(client.id.trafficName)", names: (.unprovenBudget, .unprovenBudget), price: price,
            alertPercent: settings.budgetAlertPercent, at: now
        ).first
    }

    private func budgets(
        for phone: PhoneNumber, client: Client, segments: Int, at now: Timestamp
    ) -> [BudgetCharge] {
        let price = settings.prices.price(of: phone.region) * segments
        guard price > .zero else { return [] }
        let server = settings.budget.charges(
            of: "server", names: (.dailyBudget, .monthlyBudget), price: price,
            alertPercent: settings.budgetAlertPercent, at: now)
        guard client.textingBudgetDaily != nil || client.textingBudgetMonthly != nil else { return server }
        let own = TextingBudget(daily: client.textingBudgetDaily, monthly: client.textingBudgetMonthly)
        return own.charges(
            of: "client:\(client.id.rawValue)", names: (.clientDailyBudget, .clientMonthlyBudget), price: price,
            alertPercent: settings.budgetAlertPercent, at: now) + server
    }
}
