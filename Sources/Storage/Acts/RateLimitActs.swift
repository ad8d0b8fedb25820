import Cryptography
import DeveloperLog
import OAuth
import RateLimiting
import Time

extension SQLConnection {
    /// Counts all of `charges`, or none: when one refuses, those before it are given back.
    ///
    /// Their rows are this act's until it commits, and wide ones (a client's, a country's) are everybody's: acts charge
    /// narrow ones first, and as late as they can.
    func charge(_ charges: [LimitCharge], at now: Timestamp) async throws -> LimitRefusal? {
        for (index, charge) in charges.enumerated() {
            guard let refusal = try await chargeOne(charge, at: now) else { continue }
            for earlier in charges[..<index] { try await refund(earlier) }
            return refusal
        }
        return nil
    }

    /// One guarded statement: of two that race for the last place, the database lets one through.
    private func chargeOne(_ charge: LimitCharge, at now: Timestamp) async throws -> LimitRefusal? {
        let gcra = GCRA(charge.limit)
        let subject = charge.storedSubject
        let latest = now.microseconds + gcra.tolerance - gcra.interval
        let counted = try await run(
            """
            INSERT INTO rate_limit (subject, arrival) VALUES (\(subject), \(now.microseconds + gcra.interval))
            ON CONFLICT (subject) DO UPDATE SET arrival =
                CASE WHEN rate_limit.arrival > \(now.microseconds) THEN rate_limit.arrival ELSE \(now.microseconds) END
                + \(gcra.interval)
            WHERE rate_limit.arrival <= \(latest)
            """)
        guard counted == 0 else { return nil }
        // No act can have left it this far ahead, so the clock was set back: without a mend the limit would refuse
        // everything for as long as the clock went back. A few seconds are the clocks of several nodes.
        try await send(
            """
            UPDATE rate_limit SET arrival = \(now.microseconds + gcra.tolerance)
            WHERE subject = \(subject) AND arrival > \(now.microseconds + gcra.tolerance + 5_000_000)
            """)
        let row = try await first("SELECT arrival FROM rate_limit WHERE subject = \(subject)")
        guard case .refused(let seconds) = gcra.decide(arrival: try row?.integer(0), at: now) else {
            // The row went between the two statements; the next try will pass.
            return LimitRefusal(name: charge.name, limit: charge.limit, retryAfterSeconds: 1)
        }
        return LimitRefusal(name: charge.name, limit: charge.limit, retryAfterSeconds: seconds)
    }

    /// Takes one count back.
    func refund(_ charge: LimitCharge) async throws {
        try await send(
            """
            UPDATE rate_limit SET arrival = arrival - \(GCRA(charge.limit).interval)
            WHERE subject = \(charge.storedSubject)
            """)
    }
}

extension LimitCharge {
    /// A digest: whoever reads the table learns neither numbers nor addresses by looking.
    fileprivate var storedSubject: [UInt8] {
        Array(SHA256Digest(of: "\(name.rawValue)\u{0}\(subject)").bytes[..<16])
    }
}
