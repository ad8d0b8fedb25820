package import RateLimiting
package import Time

/// What the guard has counted, for operators.
package struct GuardReport: Sendable {
    package struct Row: Sendable {
        package let subject: TrafficSubject
        /// The number of the window that `traffic` was counted in.
        package let period: Int64
        package let traffic: Traffic

        package init(subject: TrafficSubject, period: Int64, traffic: Traffic) {
            self.subject = subject
            self.period = period
            self.traffic = traffic
        }
    }

    package struct Purse: Sendable, Equatable {
        /// `server`, or `client:` and its id.
        package let subject: String
        package let period: String
        package let spent: Money

        package init(subject: String, period: String, spent: Money) {
            self.subject = subject
            self.period = period
            self.spent = spent
        }
    }

    /// Most unconfirmed first.
    package let rows: [Row]
    package let purses: [Purse]

    package init(rows: [Row], purses: [Purse]) {
        self.rows = rows
        self.purses = purses
    }
}

/// What an operator lets go.
package enum GuardedPlaces: Sendable, Equatable {
    case all
    /// Of every client.
    case country(String)
    case subject(TrafficSubject)
}

package protocol GuardStore: Sendable {
    /// - Parameter limit: of rows.
    func guardReport(limit: Int, at now: Timestamp) async throws -> GuardReport

    /// Forgets what was counted, so that texts go there again. Tells how many subjects were forgotten.
    func unblock(_ places: GuardedPlaces) async throws -> Int
}
