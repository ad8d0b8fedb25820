import PhoneLogin
import RateLimiting
import TestSupport
import Testing
import Time

@Suite struct ConversionRuleTests {
    /// Noon begins a window of an hour, and is half of one of a day.
    private let noon = Timestamp.noon

    private func rule(
        _ count: Int = 10, windowSeconds: Int = 3600, blockSeconds: Int? = nil, textsPerConfirmation: Int = 4
    ) -> ConversionRule {
        ConversionRule(
            name: .conversionPerCountry, limit: Limit(clampingCount: count, windowSeconds: windowSeconds),
            textsPerConfirmation: textsPerConfirmation, blockSeconds: blockSeconds)
    }

    private func traffic(
        _ sent: Int = 0, confirmed: Int = 0, before previousSent: Int = 0, confirmedBefore: Int = 0,
        nextAt: Timestamp = Timestamp(seconds: 0), blockedUntil: Timestamp = Timestamp(seconds: 0)
    ) -> Traffic {
        Traffic(
            sent: sent, confirmed: confirmed, previousSent: previousSent, previousConfirmed: confirmedBefore,
            nextAt: nextAt, blockedUntil: blockedUntil)
    }

    // MARK: - One window

    @Test func `up to 80 % of the limit texts go out, and up to the limit a few`() {
        for sent in 1...8 { #expect(rule().judge(traffic(sent), at: noon) == .allowed) }
        for sent in 9...10 {
            #expect(rule().judge(traffic(sent), at: noon) == .trickled(nextAt: noon.adding(seconds: 360)))
            let until = noon.adding(seconds: 5)
            #expect(rule().judge(traffic(sent, nextAt: until), at: noon) == .throttled(until: until))
        }
        guard case .exhausted = rule().judge(traffic(11), at: noon) else {
            Issue.record("the eleventh of ten")
            return
        }
    }

    static let limits: [(count: Int, allowed: Int)] = [(1, 0), (2, 1), (4, 3), (5, 4), (50, 40), (1000, 800)]

    @Test(arguments: limits)
    func `limits of every size have their 80 %`(_ row: (count: Int, allowed: Int)) {
        let rule = rule(row.count)
        for sent in 1...row.count {
            let isAllowed = rule.judge(traffic(sent), at: noon) == .allowed
            #expect(isAllowed == (sent <= row.allowed), "\(sent) of \(row.count)")
        }
    }

    static let trickles: [(count: Int, windowSeconds: Int, pauseMilliseconds: Int64)] = [
        (10, 3600, 360_000), (50, 86_400, 1_728_000), (7, 3600, 514_285), (1, 3600, 3_600_000), (500, 86_400, 172_800),
    ]

    @Test(arguments: trickles)
    func `a throttled subject gets one text in each window's share`(
        _ row: (count: Int, windowSeconds: Int, pauseMilliseconds: Int64)
    ) {
        let rule = rule(row.count, windowSeconds: row.windowSeconds)
        let next = noon.adding(milliseconds: row.pauseMilliseconds)
        #expect(rule.judge(traffic(row.count), at: noon) == .trickled(nextAt: next))
        let waiting = traffic(row.count, nextAt: next)
        #expect(rule.judge(waiting, at: next.adding(milliseconds: -1)) == .throttled(until: next))
        guard case .trickled = rule.judge(waiting, at: next) else {
            Issue.record("its time has come")
            return
        }
    }

    @Test func `at the limit a range is blocked, and stays so whatever is counted`() {
        let rule = rule(blockSeconds: 86_400)
        let until = noon.adding(seconds: 86_400)
        #expect(rule.judge(traffic(11), at: noon) == .blocked(until: until, isNew: true))
        let last = until.adding(milliseconds: -1)
        for counted in [0, 1, 12] {
            let blocked = traffic(counted, confirmed: 3, blockedUntil: until)
            #expect(rule.judge(blocked, at: last) == .blocked(until: until, isNew: false))
            #expect(rule.standing(of: blocked, at: last) == .blocked)
        }
        #expect(rule.judge(traffic(1, blockedUntil: until), at: until) == .allowed)
        #expect(rule.standing(of: traffic(1, blockedUntil: until), at: until) == .free)
    }

    @Test func `a confirmed text makes up for those that were not`() {
        #expect(rule().judge(traffic(48, confirmed: 10), at: noon) == .allowed)
        #expect(rule().judge(traffic(50, confirmed: 10), at: noon) == .trickled(nextAt: noon.adding(seconds: 360)))
        guard case .exhausted = rule().judge(traffic(51, confirmed: 10), at: noon) else {
            Issue.record("eleven that nothing makes up for")
            return
        }
        // A lowest conversion of 50 %.
        #expect(rule(textsPerConfirmation: 2).judge(traffic(28, confirmed: 10), at: noon) == .allowed)
        #expect(rule(textsPerConfirmation: 2).judge(traffic(29, confirmed: 10), at: noon) != .allowed)
        // Real people, as many as there may be.
        #expect(rule(blockSeconds: 60).judge(traffic(1_000_000, confirmed: 300_000), at: noon) == .allowed)
    }

    @Test func `where a subject stands is what its next text would be told`() {
        #expect(rule().standing(of: traffic(7), at: noon) == .free)
        #expect(rule().standing(of: traffic(8), at: noon) == .throttled)
        #expect(rule().standing(of: traffic(9), at: noon) == .throttled)
        #expect(rule().standing(of: traffic(10), at: noon) == .exhausted)
    }

    @Test func `a tenth of the limit, and more than one, makes a place suspicious`() {
        for (count, most) in [(1, 1), (10, 1), (29, 2), (60, 6), (500, 50)] {
            #expect(!rule(count).isSuspicious(traffic(most), at: noon), "\(most) of \(count)")
            #expect(rule(count).isSuspicious(traffic(most + 1), at: noon), "\(most + 1) of \(count)")
            #expect(!rule(count).isSuspicious(traffic(most + 4, confirmed: 1), at: noon))
        }
    }

    // MARK: - The window slides

    @Test func `of the window before so much counts as still lies in the sliding one`() {
        let before = traffic(before: 3600, confirmedBefore: 360)
        for second in [0, 1, 1800, 3599] {
            let counts = rule().counts(before, at: noon.adding(seconds: second))
            #expect(counts.sent == 3600 - second)
            #expect(counts.confirmed == (3600 - second) / 10)
        }
        let last = rule().counts(before, at: noon.adding(milliseconds: 3_599_999))
        #expect(last.sent == 0)
        #expect(last.confirmed == 0)
        #expect(rule().unconfirmed(traffic(5, confirmed: 1, before: 10), at: noon.adding(seconds: 1800)) == 6)
    }

    @Test func `windows follow each other, and what is older than two is forgotten`() {
        let rule = rule()
        let counted = traffic(
            5, confirmed: 1, before: 7, confirmedBefore: 2, nextAt: noon.adding(seconds: 9), blockedUntil: noon)
        let period = rule.period(at: noon)
        #expect(rule.period(at: noon.adding(milliseconds: -1)) == period - 1)
        #expect(rule.period(at: noon.adding(milliseconds: 3_599_999)) == period)
        #expect(rule.rolled(counted, from: period, at: noon) == counted)
        let next = traffic(
            before: 5, confirmedBefore: 1, nextAt: noon.adding(seconds: 9), blockedUntil: noon)
        #expect(rule.rolled(counted, from: period, at: noon.adding(seconds: 3600)) == next)
        let later = traffic(nextAt: noon.adding(seconds: 9), blockedUntil: noon)
        #expect(rule.rolled(counted, from: period, at: noon.adding(seconds: 7200)) == later)
        #expect(rule.rolled(counted, from: period, at: noon.adding(seconds: 360_000)) == later)
    }

    // MARK: - When it lifts

    /// Of a country, so many hours into a day: what was counted without the text that is one too many.
    typealias Counted = (hour: Int, sent: Int, confirmed: Int, before: Int, confirmedBefore: Int)

    static let busy: [Counted] = [
        (6, 500, 0, 0, 0), (6, 200, 0, 500, 0), (6, 0, 0, 1000, 0), (6, 450, 0, 300, 0), (6, 500, 0, 500, 0),
        (6, 100, 0, 3000, 600), (6, 600, 25, 0, 0), (6, 0, 0, 4000, 750), (6, 250, 0, 4001, 900),
        (6, 300, 10, 2000, 400), (6, 100, 5, 2000, 300),
        // Sent on the credit of the day before, which fades.
        (18, 700, 0, 1000, 400), (18, 900, 50, 2000, 700), (23, 600, 0, 800, 300),
    ]

    /// When the row is refused, until when, and what a text at another moment would be told.
    private func recovery(
        _ row: Counted
    ) throws -> (refusedAt: Timestamp, until: Timestamp, nextText: (Timestamp) -> ConversionRule.Verdict) {
        let rule = rule(500, windowSeconds: 86_400)
        let refusedAt = noon.adding(seconds: (row.hour - 12) * 3600)
        let counted = traffic(
            row.sent, confirmed: row.confirmed, before: row.before, confirmedBefore: row.confirmedBefore)
        let period = rule.period(at: refusedAt)
        func next(_ moment: Timestamp) -> ConversionRule.Verdict {
            let now = rule.rolled(counted, from: period, at: moment)
            let more = Traffic(
                sent: now.sent + 1, confirmed: now.confirmed, previousSent: now.previousSent,
                previousConfirmed: now.previousConfirmed, nextAt: now.nextAt, blockedUntil: now.blockedUntil)
            return rule.judge(more, at: moment)
        }
        guard case .exhausted(let until) = next(refusedAt) else { throw BrokenFixture() }
        return (refusedAt, until, next)
    }

    /// Shares of texts and of confirmations, each rounded down, were up to a confirmation's worth apart: the time came
    /// minutes too early.
    @Test(arguments: busy)
    func `at the moment that was named one more text goes out`(_ row: Counted) throws {
        let (refusedAt, until, nextText) = try recovery(row)
        #expect(until > refusedAt)
        if case .exhausted(let later) = nextText(until) {
            Issue.record("and then it is \(until.secondsRoundedUp(until: later)) s more")
        }
    }

    @Test(arguments: busy)
    func `and not a few seconds before`(_ row: Counted) throws {
        let (refusedAt, until, nextText) = try recovery(row)
        let before = max(refusedAt, until.adding(seconds: -5))
        guard case .exhausted = nextText(before) else {
            Issue.record("people are sent away for longer than they must be")
            return
        }
    }

    @Test func `what is named is never the past, nor further off than two windows`() {
        let rule = rule(5)
        var dice = TestDice()
        for _ in 0..<2000 {
            let now = noon.adding(milliseconds: Int64(dice.roll(3_600_000)))
            let counted = traffic(
                dice.roll(40), confirmed: dice.roll(3), before: dice.roll(40), confirmedBefore: dice.roll(5))
            guard case .exhausted(let until) = rule.judge(counted, at: now) else { continue }
            #expect(until > now)
            #expect(until <= now.adding(seconds: 7200))
        }
    }

    // MARK: - A clock that is set back

    @Test func `a clock that is set back lifts no block, and counts no window for more than it was`() {
        let rule = rule(blockSeconds: 600)
        let until = noon.adding(seconds: 600)
        let blocked = traffic(11, blockedUntil: until)
        #expect(rule.judge(blocked, at: noon.adding(seconds: -3600)) == .blocked(until: until, isNew: false))
        for seconds in [-1, -1800, -3600, -86_400] {
            let counts = rule.counts(traffic(5, before: 100), at: noon.adding(seconds: seconds))
            #expect((5...105).contains(counts.sent))
        }
    }

    /// Two processes, or two requests that overtake each other, read clocks that differ by milliseconds: one may still
    /// be in the window that has ended for the other. At midnight that must not wipe out what was counted.
    @Test func `a moment before the window that was counted in forgets nothing`() {
        let rule = rule()
        let counted = traffic(10, confirmed: 1, before: 20, confirmedBefore: 2)
        let moment = noon.adding(milliseconds: -1)
        #expect(rule.rolled(counted, from: rule.period(at: noon), at: moment) == counted)
        // One that was far ahead must not keep what it counted in the future.
        #expect(rule.rolled(counted, from: rule.period(at: noon), at: noon.adding(seconds: -7200)) == traffic())
    }
}

/// The same throws in every run.
private struct TestDice {
    private var state: UInt64 = 1

    mutating func roll(_ end: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % end
    }
}
