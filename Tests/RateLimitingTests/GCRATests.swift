import RateLimiting
import Testing
import Time

@Suite struct GCRATests {
    private static let noon = Timestamp(seconds: 1_767_268_800)

    /// Which of the events at these seconds after noon are allowed.
    struct Row: Sendable {
        let limit: String
        let seconds: [Double]
        let allowed: String
    }

    static let rows: [Row] = [
        Row(limit: "1/30", seconds: [0, 0, 29.999, 30, 59.999, 60], allowed: "y..y.y"),
        Row(limit: "5/3600", seconds: [0, 0, 0, 0, 0, 0, 719.999, 720, 720], allowed: "yyyyy..y."),
        Row(limit: "2/10", seconds: [0, 4, 4.999, 5, 10, 10, 30, 30, 30], allowed: "yy.yy.yy."),
        // Rest is not saved up beyond the burst.
        Row(limit: "3/3", seconds: [0, 1000, 1000, 1000, 1000], allowed: "yyyy."),
        // An interval that is no whole number of milliseconds.
        Row(limit: "3/1", seconds: [0, 0, 0, 0.333, 0.334], allowed: "yyy.y"),
    ]

    @Test(arguments: rows)
    func `a burst passes at once and then one an interval`(_ row: Row) throws {
        let gcra = GCRA(try #require(Limit(parsing: row.limit)))
        var arrival: Int64?
        var allowed = ""
        for second in row.seconds {
            let decision = gcra.decide(arrival: arrival, at: Self.noon.adding(milliseconds: Int64(second * 1000)))
            if case .allowed(let next) = decision { arrival = next }
            allowed += decision.isAllowed ? "y" : "."
        }
        #expect(allowed == row.allowed)
    }

    @Test func `a limit that is faster than the clock still counts`() throws {
        let gcra = GCRA(try #require(Limit(count: 100_000, windowSeconds: 60)))
        #expect(gcra.interval == 600)
        var arrival: Int64?
        var count = 0
        while case .allowed(let next) = gcra.decide(arrival: arrival, at: Self.noon) {
            arrival = next
            count += 1
        }
        #expect(count == 100_000)
        #expect(gcra.decide(arrival: arrival, at: Self.noon.adding(milliseconds: 1)).isAllowed)
    }

    @Test func `the interval is never nothing`() throws {
        #expect(GCRA(try #require(Limit(count: 1_000_000_000, windowSeconds: 1))).interval == 1)
    }

    @Test func `the longest limit there is does not overflow`() throws {
        let gcra = GCRA(try #require(Limit(count: 1_000_000_000, windowSeconds: 315_360_000)))
        #expect(gcra.decide(arrival: nil, at: Self.noon).isAllowed)
        let single = GCRA(try #require(Limit(count: 1, windowSeconds: 315_360_000)))
        guard case .allowed(let arrival) = single.decide(arrival: nil, at: Self.noon) else {
            Issue.record("the first of all must pass")
            return
        }
        #expect(single.decide(arrival: arrival, at: Self.noon) == .refused(retryAfterSeconds: 315_360_000))
    }

    static let waits: [(milliseconds: Int64, seconds: Int)] = [
        (0, 30), (1, 30), (999, 30), (1000, 29), (28_999, 2), (29_000, 1), (29_999, 1),
    ]

    @Test(arguments: waits)
    func `what is promised is never shorter than the wait`(_ row: (milliseconds: Int64, seconds: Int)) throws {
        let gcra = GCRA(try #require(Limit(count: 1, windowSeconds: 30)))
        let arrival = Self.noon.adding(seconds: 30).microseconds
        let decision = gcra.decide(arrival: arrival, at: Self.noon.adding(milliseconds: row.milliseconds))
        #expect(decision == .refused(retryAfterSeconds: row.seconds))
    }

    @Test func `a refund is exact`() throws {
        let gcra = GCRA(try #require(Limit(count: 7, windowSeconds: 60)))
        var arrival: Int64?
        for _ in 0..<7 {
            guard case .allowed(let next) = gcra.decide(arrival: arrival, at: Self.noon) else {
                Issue.record("seven must pass")
                return
            }
            arrival = next
        }
        let full = try #require(arrival)
        #expect(gcra.decide(arrival: full, at: Self.noon).isAllowed == false)
        #expect(gcra.decide(arrival: full - gcra.interval, at: Self.noon) == .allowed(arrival: full))
    }

    @Test func `what remains goes down to nothing and not below`() throws {
        let gcra = GCRA(try #require(Limit(count: 3, windowSeconds: 30)))
        let now = Self.noon
        let remaining = [0, 1, 2, 3, 4].map {
            gcra.remaining(arrival: now.microseconds + Int64($0) * gcra.interval, at: now)
        }
        #expect(remaining == [3, 2, 1, 0, 0])
        #expect(gcra.remaining(arrival: 0, at: now) == 3)
    }

    @Test func `before the epoch and at it the arithmetic holds`() throws {
        let gcra = GCRA(try #require(Limit(count: 1, windowSeconds: 10)))
        #expect(gcra.decide(arrival: nil, at: Timestamp(seconds: 0)) == .allowed(arrival: 10_000_000))
        #expect(gcra.decide(arrival: -5_000_000, at: Timestamp(seconds: -5)) == .allowed(arrival: 5_000_000))
    }
}

extension GCRA.Decision {
    fileprivate var isAllowed: Bool {
        if case .allowed = self { true } else { false }
    }
}
