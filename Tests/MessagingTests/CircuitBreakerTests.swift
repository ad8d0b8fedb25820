import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct CircuitBreakerTests {
    private let noon = Timestamp.noon

    /// Of a provider that just failed so many times in a row.
    private func breaker(afterFailures count: Int) -> CircuitBreaker {
        let breaker = CircuitBreaker()
        for _ in 0..<count { _ = breaker.record(.unreachable, at: noon) }
        return breaker
    }

    @Test func `four failures in a row are bad luck, five open it`() {
        #expect(breaker(afterFailures: 0).openSeconds(at: noon) == nil)
        #expect(breaker(afterFailures: 4).openSeconds(at: noon) == nil)
        #expect(breaker(afterFailures: 5).openSeconds(at: noon) == 15)
        #expect(breaker(afterFailures: 500).openSeconds(at: noon) == 15, "tries that were under way are no news")
        #expect(breaker(afterFailures: 4).record(.misconfigured, at: noon) == .opened)
        #expect(breaker(afterFailures: 5).record(.unreachable, at: noon) == nil, "an outage is told once")
    }

    static let answers: [SendResult.Outcome] = [
        .accepted(providerID: nil), .refused, .throttled(retryAfterSeconds: 5),
    ]

    @Test(arguments: answers)
    func `a provider that answers is there`(_ outcome: SendResult.Outcome) {
        let counted = breaker(afterFailures: 4)
        #expect(counted.record(outcome, at: noon) == nil)
        #expect(counted.record(.unreachable, at: noon) == nil, "failures are counted in a row")
        let open = breaker(afterFailures: 5)
        #expect(open.record(outcome, at: noon) == .closed)
        #expect(open.openSeconds(at: noon) == nil)
        #expect(open.admits(at: noon))
    }

    @Test func `one text finds out whether the provider is back, the others wait`() {
        let breaker = breaker(afterFailures: 5)
        #expect(!breaker.admits(at: noon.adding(milliseconds: 14_999)))
        let later = noon.adding(seconds: 15)
        #expect((0..<20).map { _ in breaker.admits(at: later) }.count { $0 } == 1)
    }

    @Test func `pauses double up to five minutes, and begin anew after an answer`() {
        let breaker = breaker(afterFailures: 5)
        var now = noon
        for pause in [15, 30, 60, 120, 240, 300, 300] {
            #expect(breaker.openSeconds(at: now) == pause)
            now = now.adding(seconds: pause)
            #expect(breaker.admits(at: now))
            #expect(breaker.record(.unreachable, at: now) == nil)
        }
        now = now.adding(seconds: 300)
        #expect(breaker.admits(at: now))
        #expect(breaker.record(.accepted(providerID: nil), at: now) == .closed)
        for _ in 0..<5 { _ = breaker.record(.unreachable, at: now) }
        #expect(breaker.openSeconds(at: now) == 15)
    }

    @Test func `a probe that nobody answers for is not waited for longer than a pause`() {
        let breaker = breaker(afterFailures: 5)
        #expect(breaker.admits(at: noon.adding(seconds: 15)))
        #expect(!breaker.admits(at: noon.adding(seconds: 29)))
        #expect(breaker.admits(at: noon.adding(seconds: 30)))
    }

    @Test func `a clock that is set back makes no pause longer`() {
        let breaker = breaker(afterFailures: 5)
        #expect(breaker.openSeconds(at: noon.adding(seconds: -86_400)) == 15)
        #expect(breaker.admits(at: noon.adding(seconds: -86_400 + 15)))
    }
}

@Suite struct ProvenCircuitTests {
    /// One stranger's text to a country that the account does not serve is tried again and again.
    @Test func `a provider that took a text before is not closed to all by what it does not serve`() {
        let breaker = CircuitBreaker()
        #expect(breaker.record(.accepted(providerID: nil), at: .noon) == nil)
        for _ in 0..<50 { #expect(breaker.record(.misconfigured, at: .noon) == nil) }
        #expect(breaker.admits(at: .noon))
        for _ in 0..<4 { #expect(breaker.record(.unreachable, at: .noon) == nil) }
        #expect(breaker.record(.unreachable, at: .noon) == .opened)
    }

    @Test func `one whose credentials never worked is`() {
        let breaker = CircuitBreaker()
        for _ in 0..<4 { #expect(breaker.record(.misconfigured, at: .noon) == nil) }
        #expect(breaker.record(.misconfigured, at: .noon) == .opened)
    }
}
