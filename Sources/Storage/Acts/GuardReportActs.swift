package import PhoneLogin
import RateLimiting
package import Time

extension SQLStore: GuardStore {
    package func guardReport(limit: Int, at now: Timestamp) async throws -> GuardReport {
        let date = now.internetDate
        return try await engine.read { connection in
            let rows = try await connection.rows(
                """
                SELECT subject, period, sent, confirmed, previous_sent, previous_confirmed, next_at, blocked_until
                FROM traffic
                ORDER BY sent + previous_sent - confirmed - previous_confirmed DESC, subject LIMIT \(limit)
                """
            ).compactMap { row -> GuardReport.Row? in
                guard let subject = TrafficSubject(key: try row.text(0)) else { return nil }
                return GuardReport.Row(
                    subject: subject, period: try row.integer(1),
                    traffic: Traffic(
                        sent: Int(try row.integer(2)), confirmed: Int(try row.integer(3)),
                        previousSent: Int(try row.integer(4)), previousConfirmed: Int(try row.integer(5)),
                        nextAt: try row.time(6), blockedUntil: try row.time(7)))
            }
            let purses = try await connection.rows(
                """
                SELECT subject, period, amount FROM spending
                WHERE period IN (\(String(date.prefix(10))), \(String(date.prefix(7))))
                ORDER BY amount DESC, subject, period
                """
            ).map { row in
                GuardReport.Purse(
                    subject: try row.text(0), period: try row.text(1),
                    spent: Money(millionths: try row.integer(2)))
            }
            return GuardReport(rows: rows, purses: purses)
        }
    }

    package func unblock(_ places: GuardedPlaces) async throws -> Int {
        try await engine.write { connection in
            switch places {
            case .all: try await connection.run("DELETE FROM traffic")
            case .subject(let subject):
                try await connection.run("DELETE FROM traffic WHERE subject = \(subject.key)")
            case .country(let region):
                try await connection.run("DELETE FROM traffic WHERE subject LIKE \("country:\(region):%")")
            }
        }
    }
}
