/// One count against one limit: which limit, and whose.
///
/// The store charges it in the same transaction as the act it protects, so that a limit holds over
/// processes, nodes and restarts.
package struct LimitCharge: Sendable, Hashable {
    package let name: LimitName
    package let limit: Limit
    /// Whose count it is: a number, an address, a client. Stored only as a digest.
    package let subject: String

    /// `nil` when the limit is switched off.
    package init?(_ name: LimitName, _ limit: Limit?, subject: String) {
        guard let limit else { return nil }
        self.name = name
        self.limit = limit
        self.subject = subject
    }
}

/// What a refused caller is told: which limit, and when to come back.
package struct LimitRefusal: Error, Sendable, Equatable {
    package let name: LimitName
    package let limit: Limit
    package let retryAfterSeconds: Int

    package init(name: LimitName, limit: Limit, retryAfterSeconds: Int) {
        self.name = name
        self.limit = limit
        // Never longer than the window: requests that race read the clock at slightly different moments.
        self.retryAfterSeconds = min(max(1, retryAfterSeconds), limit.windowSeconds)
    }
}
