import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct DeliveryHealthTests {
    private let noon = Timestamp.noon

    /// A provider that just failed so many times in a row.
    private func health(afterFailures count: Int) -> DeliveryHealth {
        let health = DeliveryHealth()
        for _ in 0..<count { _ = health.recordFailure(at: noon) }
        return health
    }

    @Test func `four failures in a row are bad luck, five are an outage`() {
        #expect(health(afterFailures: 0).unavailableSeconds(at: noon) == nil)
        #expect(health(afterFailures: 4).unavailableSeconds(at: noon) == nil)
        #expect(health(afterFailures: 5).unavailableSeconds(at: noon) == 15)
        #expect(health(afterFailures: 500).unavailableSeconds(at: noon) == 15)
    }

    @Test func `an outage is told once when it begins and once when it ends`() {
        let health = DeliveryHealth()
        #expect(
            (0..<7).map { _ in health.recordFailure(at: noon) } == [false, false, false, false, true, false, false])
        #expect((0..<2).map { _ in health.recordSuccess() } == [true, false])
        #expect(health.totals == (accepted: 2, failed: 7))
    }

    static let waits: [(milliseconds: Int64, seconds: Int?)] = [
        (0, 15), (1, 15), (1000, 14), (14_001, 1), (14_999, 1), (15_000, nil), (3_600_000, nil),
    ]

    @Test(arguments: waits)
    func `after a pause somebody may find out whether it is over`(_ row: (milliseconds: Int64, seconds: Int?)) {
        let now = noon.adding(milliseconds: row.milliseconds)
        #expect(health(afterFailures: 5).unavailableSeconds(at: now) == row.seconds)
    }

    @Test func `the try after the pause decides`() {
        let later = noon.adding(seconds: 20)
        let stillOut = health(afterFailures: 5)
        _ = stillOut.recordFailure(at: later)
        #expect(stillOut.unavailableSeconds(at: later) == 15)

        let back = health(afterFailures: 5)
        _ = back.recordSuccess()
        for _ in 0..<4 { _ = back.recordFailure(at: later) }
        #expect(back.unavailableSeconds(at: later) == nil, "the count begins anew")
    }

    @Test func `a clock that steps back does not close the door for longer`() {
        let earlier = noon.adding(seconds: -3600)
        #expect((health(afterFailures: 5).unavailableSeconds(at: earlier) ?? 0) <= 15)
    }
}
