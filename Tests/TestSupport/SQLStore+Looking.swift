import DeveloperLog
import Messaging
package import Storage
package import Time

/// Looks where no act looks. Written in the SQL that both engines share.
extension SQLStore {
    package func count(_ table: String, where condition: String = "1 = 1") async throws -> Int {
        let statement = SQLStatement(stringLiteral: "SELECT COUNT(*) FROM \(table) WHERE \(condition)")
        return try await engine.read { connection in
            try await connection.first(statement).map { Int(try $0.integer(0)) } ?? 0
        }
    }

    package func run(_ statement: SQLStatement) async throws {
        try await engine.write { connection in _ = try await connection.run(statement) }
    }

    /// Takes every text out of the queue, as a provider would see them, oldest first.
    package func takeTexts(openedBy login: PhoneLoginFixture, at now: Timestamp = .noon) async throws -> [String] {
        try await claimMessages(atMost: 1000, leaseUntil: now.adding(seconds: 3600), at: now).map {
            try known(login.messageSeal.open($0.sealedBody, id: $0.id))
        }
    }

    /// The kinds of the developer log's lines, oldest first.
    package func loggedKinds() async throws -> [SecurityEvent.Kind] {
        try await events(matching: SecurityEventFilter()).map(\.event.kind)
    }
}
