import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Time

/// The guard's part of a start, inside its transaction: what is counted, and given back when something refuses.
struct SendingJudge {
    let connection: any SQLConnection
    let operation: NewPhoneOperation
    let origin: RequestOrigin
    let now: Timestamp

    /// `nil`: the text may go. Everything of a refused one is uncounted.
    ///
    /// - Parameter isNewCode: a code asked for again is not another unconfirmed one. It costs money all the same, from
    ///   the purse that its place has come to, and none goes to a place that is blocked.
    func judge(isNewCode: Bool) async throws -> PhoneOperationStart? {
        guard let charges = operation.guardCharges else { return nil }
        let traffic =
            isNewCode
            ? try await connection.countTexts(of: charges.conversions, at: now)
            : try await connection.traffic(of: charges.conversions, at: now)
        var counted = isNewCode ? charges.conversions : []
        var trickled: [(subject: TrafficSubject, nextAt: Timestamp)] = []
        var isBadBlock = false
        var isUnproven = false
        var notes: [SecurityEvent] = []
        for (subject, rule) in charges.conversions {
            guard let traffic = traffic[subject.key] else { continue }
            let verdict = rule.judge(traffic, at: now)
            if case .trickled(let nextAt) = verdict { trickled.append((subject, nextAt)) }
            if isNewCode || verdict.isBlocked, let refusal = try await refusal(of: subject, traffic, verdict, by: rule),
                try await stops(refusal, charges, counted: counted, spent: [], notes: &notes)
            {
                return refusal.start
            }
            switch subject {
            case .block: isBadBlock = rule.isSuspicious(traffic, at: now)
            // One confirmed for each `textsPerConfirmation` sent: this text is on the credit of those.
            case .country: isUnproven = rule.unconfirmed(traffic, at: now) > 0
            case .range, .client: break
            }
            if isBadBlock {
                // A bad block pays for itself: its country and client are not blamed for it.
                try await uncount(counted.filter { $0.subject.isWide })
                counted.removeAll { $0.subject.isWide }
                break
            }
        }
        let purses = (isBadBlock || isUnproven ? [charges.unproven] : []).compactMap(\.self) + charges.budgets
        let (refusal, alerts) = try await spend(purses)
        if let refusal, try await stops(refusal, charges, counted: counted, spent: purses, notes: &notes) {
            return refusal.start
        }
        // Last: the log's budgets are everybody's rows.
        for event in notes + alerts { try await connection.record(event) }
        // Only now: a text that another rule refused must not use up a place's turn.
        for (subject, nextAt) in trickled where isNewCode {
            try await connection.send("UPDATE traffic SET next_at = \(nextAt) WHERE subject = \(subject.key)")
        }
        return nil
    }

    /// Logs a refusal, and undoes what was counted unless the guard only watches.
    private func stops(
        _ refusal: Refusal, _ charges: GuardCharges, counted: [GuardCharges.Conversion], spent: [BudgetCharge],
        notes: inout [SecurityEvent]
    ) async throws -> Bool {
        guard !charges.isDryRun else {
            notes.append(event(.guardDryRun, refusal))
            return false
        }
        try await unspend(spent)
        try await uncount(counted)
        try await connection.record(event(.sendRefused, refusal))
        return true
    }

    private struct Refusal {
        let rule: LimitName
        let reason: StaticString
        /// Whether `figures` names most of the number: with its masked form beside it the log would have all of it.
        var namesRange = false
        let figures: String
        let until: Timestamp
        let start: PhoneOperationStart
    }

    private func event(_ kind: SecurityEvent.Kind, _ refusal: Refusal) -> SecurityEvent {
        SecurityEvent(
            kind, at: now, origin: origin, clientID: operation.client.rawValue,
            phone: refusal.namesRange ? nil : operation.phone.masked,
            rule: refusal.rule.rawValue, reason: refusal.reason,
            retryAfterSeconds: now.secondsRoundedUp(until: refusal.until), figures: refusal.figures)
    }
}

// MARK: - Sent against confirmed

extension SendingJudge {
    private func refusal(
        of subject: TrafficSubject, _ traffic: Traffic, _ verdict: ConversionRule.Verdict, by rule: ConversionRule
    ) async throws -> Refusal? {
        let (sent, confirmed) = rule.counts(traffic, at: now)
        func refusal(_ reason: StaticString, until: Timestamp, _ start: PhoneOperationStart) -> Refusal {
            Refusal(
                rule: rule.name, reason: reason, namesRange: !subject.isWide,
                figures:
                    "\(subject.kind) \(subject.name): \(sent - 1) texts, \(confirmed) confirmed, limit \(rule.limit)",
                until: until, start: start)
        }
        func limited(until: Timestamp) -> PhoneOperationStart {
            .limited(
                LimitRefusal(
                    name: rule.name, limit: rule.limit, retryAfterSeconds: now.secondsRoundedUp(until: until)))
        }
        switch verdict {
        case .allowed, .trickled: return nil
        case .throttled(let until):
            return refusal("few of these texts are confirmed: throttled", until: until, limited(until: until))
        case .exhausted(let until):
            return refusal("too few of these texts are confirmed", until: until, limited(until: until))
        case .blocked(let until, let isNew):
            if isNew, operation.guardCharges?.isDryRun == false {
                try await connection.send(
                    """
                    UPDATE traffic SET blocked_until = \(until),
                        expires_at = CASE WHEN expires_at > \(until) THEN expires_at ELSE \(until) END
                    WHERE subject = \(subject.key)
                    """)
            }
            return refusal("too few of these texts are confirmed: blocked", until: until, .blocked)
        }
    }

    private func uncount(_ conversions: [GuardCharges.Conversion]) async throws {
        for (subject, _) in conversions {
            try await connection.send("UPDATE traffic SET sent = sent - 1 WHERE subject = \(subject.key)")
        }
    }
}

extension SQLConnection {
    /// Counts one text for each, and tells what that makes, by the subject's key. One statement: the rows are the
    /// referee between processes, taken in the order of their keys, here and in `credit`. A clock that steps back over a
    /// window's end (-1) forgets nothing; one that was far ahead does not keep a row in its future.
    fileprivate func countTexts(
        of conversions: [GuardCharges.Conversion], at now: Timestamp
    ) async throws -> [String: Traffic] {
        guard !conversions.isEmpty else { return [:] }
        let counts = conversions.sorted { $0.subject.key < $1.subject.key }.map { subject, rule -> [any SQLBindable] in
            let period = rule.period(at: now)
            return [subject.key, period, 1, 0, 0, 0, 0, 0, (period + 2) * rule.windowMilliseconds]
        }
        let rows = try await rows(
            """
            INSERT INTO traffic
                (subject, period, sent, confirmed, previous_sent, previous_confirmed, next_at, blocked_until,
                expires_at)
            VALUES \(rows: counts)
            ON CONFLICT (subject) DO UPDATE SET
                previous_sent = CASE excluded.period - traffic.period
                    WHEN 0 THEN traffic.previous_sent WHEN -1 THEN traffic.previous_sent
                    WHEN 1 THEN traffic.sent ELSE 0 END,
                previous_confirmed = CASE excluded.period - traffic.period
                    WHEN 0 THEN traffic.previous_confirmed WHEN -1 THEN traffic.previous_confirmed
                    WHEN 1 THEN traffic.confirmed ELSE 0 END,
                sent = 1 + CASE excluded.period - traffic.period
                    WHEN 0 THEN traffic.sent WHEN -1 THEN traffic.sent ELSE 0 END,
                confirmed = CASE excluded.period - traffic.period
                    WHEN 0 THEN traffic.confirmed WHEN -1 THEN traffic.confirmed ELSE 0 END,
                expires_at = CASE WHEN traffic.expires_at > excluded.expires_at THEN traffic.expires_at
                    ELSE excluded.expires_at END,
                period = CASE excluded.period - traffic.period WHEN -1 THEN traffic.period ELSE excluded.period END
            RETURNING subject, sent, confirmed, previous_sent, previous_confirmed, next_at, blocked_until
            """)
        var traffic: [String: Traffic] = [:]
        for row in rows {
            traffic[try row.text(0)] = try Traffic(row: row)
        }
        return traffic
    }

    /// What is counted, without another text.
    fileprivate func traffic(
        of conversions: [GuardCharges.Conversion], at now: Timestamp
    ) async throws -> [String: Traffic] {
        guard !conversions.isEmpty else { return [:] }
        let rows = try await rows(
            """
            SELECT subject, sent, confirmed, previous_sent, previous_confirmed, next_at, blocked_until, period
            FROM traffic WHERE subject IN \(list: conversions.map(\.subject.key))
            """)
        var stored: [String: SQLRow] = [:]
        for row in rows { stored[try row.text(0)] = row }
        var traffic: [String: Traffic] = [:]
        for (subject, rule) in conversions {
            guard let row = stored[subject.key] else { continue }
            traffic[subject.key] = rule.rolled(try Traffic(row: row), from: try row.integer(7), at: now)
        }
        return traffic
    }

    /// A person confirmed the text of an operation. The last of an act: a country's row is everybody's.
    func credit(_ operation: LiveOperation, _ confirmed: ConfirmedTraffic) async throws {
        let subjects = confirmed(operation.identity, operation.region, operation.client, operation.device)
        for key in subjects.map(\.key).sorted() {
            try await send("UPDATE traffic SET confirmed = confirmed + 1 WHERE subject = \(key)")
        }
    }
}

extension Traffic {
    /// After the subject in the first column.
    fileprivate init(row: SQLRow) throws {
        self.init(
            sent: Int(try row.integer(1)), confirmed: Int(try row.integer(2)),
            previousSent: Int(try row.integer(3)), previousConfirmed: Int(try row.integer(4)),
            nextAt: try row.time(5), blockedUntil: try row.time(6))
    }
}

// MARK: - Money

extension SendingJudge {
    /// Takes the price from every purse, and tells the first that cannot pay, and those that run out.
    private func spend(_ charges: [BudgetCharge]) async throws -> (refusal: Refusal?, alerts: [SecurityEvent]) {
        var refusal: Refusal?
        var alerts: [SecurityEvent] = []
        for charge in charges {
            let price = charge.price.millionths
            // Kept past its end, so that the last two months can be looked at.
            let row = try await connection.first(
                """
                INSERT INTO spending (subject, period, amount, expires_at)
                VALUES (\(charge.subject), \(charge.period), \(price), \(charge.endsAt.adding(seconds: 62 * 86_400)))
                ON CONFLICT (subject, period) DO UPDATE SET amount = spending.amount + \(price)
                RETURNING amount
                """)
            let spent = Money(millionths: try row?.integer(0) ?? price)
            guard let budget = charge.budget else { continue }
            let before = Money(millionths: spent.millionths - price)
            let figures =
                "\(charge.subject) \(charge.period): \(before) of \(budget) spent, this text costs \(charge.price)"
            // The one that lifts last decides.
            if spent > budget, refusal.map({ $0.until < charge.endsAt }) ?? true {
                refusal = Refusal(
                    rule: charge.name,
                    reason: charge.name == .unprovenBudget
                        ? "the budget for texts that few confirm is used up" : "the texting budget is used up",
                    figures: figures, until: charge.endsAt, start: .overBudget(until: charge.endsAt))
            }
            if let alert = charge.alert, before < alert, spent >= alert {
                alerts.append(
                    SecurityEvent(
                        .budgetAlert, at: now, origin: origin, clientID: operation.client.rawValue,
                        rule: charge.name.rawValue, reason: "the texting budget runs out", figures: figures))
            }
        }
        return (refusal, alerts)
    }

    private func unspend(_ charges: [BudgetCharge]) async throws {
        for charge in charges {
            try await connection.send(
                """
                UPDATE spending SET amount = amount - \(charge.price.millionths)
                WHERE subject = \(charge.subject) AND period = \(charge.period)
                """)
        }
    }
}
