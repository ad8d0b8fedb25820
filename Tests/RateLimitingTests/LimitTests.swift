import RateLimiting
import Testing

@Suite struct LimitTests {
    static let readable: [(text: String, count: Int, windowSeconds: Int)] = [
        ("5/3600", 5, 3600), ("1/1", 1, 1), ("0005/060", 5, 60), ("1000000000/315360000", 1_000_000_000, 315_360_000),
    ]

    @Test(arguments: readable)
    func `a count and a window are read, and written the same`(
        _ row: (text: String, count: Int, windowSeconds: Int)
    ) throws {
        let limit = try #require(Limit(parsing: row.text))
        #expect(limit.count == row.count)
        #expect(limit.windowSeconds == row.windowSeconds)
        #expect("\(limit)" == "\(row.count)/\(row.windowSeconds)")
        #expect(Limit(parsing: "\(limit)") == limit)
    }

    static let unreadable = [
        "", "/", "5", "5/", "/60", "5/60/", "5/60/1", "0/60", "5/0", "-5/60", "5/-60", "5.5/60", "5/1m", " 5/60",
        "5/60 ",
        "5 / 60", "5/315360001", "1000000001/60", "5/99999999999999999999", "٥/60", "５/６０", "0x5/60", "5//60",
        "5\u{0}/60",
    ]

    @Test(arguments: unreadable)
    func `anything else is refused`(_ text: String) {
        #expect(Limit(parsing: text) == nil)
    }

    /// `Int` reads a plus sign, and the documented form has none.
    @Test(arguments: ["+5/60", "5/+60"])
    func `a sign is refused`(_ text: String) {
        #expect(Limit(parsing: text) == nil)
    }

    @Test func `a limit that other settings imply is the nearest there is`() {
        #expect(Limit(clampingCount: 0, windowSeconds: 0) == Limit(count: 1, windowSeconds: 1))
        #expect(Limit(clampingCount: .max, windowSeconds: .max).description == "1000000000/315360000")
        #expect(Limit(clampingCount: 5, windowSeconds: 180) == Limit(count: 5, windowSeconds: 180))
    }

    @Test func `a limit that is off charges nobody`() throws {
        let limit = try #require(Limit(parsing: "5/60"))
        #expect(LimitCharge(.sendPerIP, nil, subject: "address") == nil)
        #expect(LimitCharge(.sendPerIP, limit, subject: "address")?.limit == limit)
    }

    static let waits: [(asked: Int, told: Int)] = [(-5, 1), (0, 1), (1, 1), (59, 59), (60, 60), (61, 60), (.max, 60)]

    @Test(arguments: waits)
    func `a refusal tells one second at least and a window at most`(_ row: (asked: Int, told: Int)) throws {
        let limit = try #require(Limit(parsing: "5/60"))
        let refusal = LimitRefusal(name: .sendPerIP, limit: limit, retryAfterSeconds: row.asked)
        #expect(refusal.retryAfterSeconds == row.told)
    }

    @Test(arguments: LimitName.allCases)
    func `the header fields say which limit, its policy and when to come back`(_ name: LimitName) throws {
        let refusal = LimitRefusal(
            name: name, limit: try #require(Limit(parsing: "5/3600")), retryAfterSeconds: 720)
        let fields = RateLimitFields(refusal)
        #expect(fields.retryAfter == "720")
        #expect(fields.policy == "\"\(name.rawValue)\";q=5;w=3600")
        #expect(fields.rateLimit == "\"\(name.rawValue)\";r=0;t=720")
        // RFC 9651 §3.3.3: what needs no escaping in a structured field's string.
        #expect(name.rawValue.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
    }
}
