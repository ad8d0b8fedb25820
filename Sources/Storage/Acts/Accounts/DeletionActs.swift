import AccountManagement
package import Accounts
package import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
package import Time

extension SQLStore {
    package func delete(
        _ account: AccountID, pseudonym: String, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            try await connection.lock([account])
            guard try await connection.run("DELETE FROM account WHERE id = \(account)") == 1 else { return false }
            try await connection.send("INSERT INTO account_deleted (id) VALUES (\(account)) ON CONFLICT DO NOTHING")
            try await connection.removeMessages(of: account)
            for kind in AddressKind.allCases { try await connection.removeAddresses(kind, of: account) }
            try await connection.end(.all, of: account, at: now)
            try await connection.removeTokens(of: account)
            for statement in Self.removals(of: account) { try await connection.send(statement) }
            // What was logged of it stays readable as one story that leads to nobody.
            try await connection.send(
                """
                UPDATE security_event SET account_id = \(pseudonym), phone = NULL, address = NULL, figures = NULL
                WHERE account_id = \(account)
                """)
            try await connection.record(
                SecurityEvent(
                    .accountDeleted, at: now, origin: RequestOrigin(requestID: origin.requestID, address: nil),
                    accountID: pseudonym, reason: "the account and everything of it is gone"))
            return true
        }
    }

    private static func removals(of account: AccountID) -> [SQLStatement] {
        [
            "DELETE FROM consent WHERE account_id = \(account)",
            "DELETE FROM account_property WHERE account_id = \(account)",
            "DELETE FROM address_pending WHERE account_id = \(account)",
            "DELETE FROM email_challenge WHERE account_id = \(account)",
            "DELETE FROM password_reset WHERE account_id = \(account)",
            "DELETE FROM account_import WHERE account_id = \(account)",
            "DELETE FROM number_change WHERE account_id = \(account)",
            "DELETE FROM account_parked WHERE account_id = \(account)",
        ]
    }
}

extension SQLConnection {
    /// Sent and waiting texts name their recipient, and their codes whom they are for.
    ///
    /// What somebody only said was theirs may be anybody's: of those, waiting texts are others' business.
    fileprivate func removeMessages(of account: AccountID) async throws {
        let proven = try await rows(
            """
            SELECT number FROM account_phone WHERE account_id = \(account)
            UNION SELECT address FROM account_email WHERE account_id = \(account)
            """)
        for row in proven {
            let recipient = PhoneIdentity(rawValue: try row.text(0)).number
            try await send("DELETE FROM message WHERE recipient = \(recipient)")
        }
        let said = try await rows(
            """
            SELECT key, address FROM address_claim WHERE account_id = \(account)
            UNION SELECT key, address FROM address_pending WHERE account_id = \(account)
            UNION SELECT old_number, old_number FROM number_change WHERE account_id = \(account)
            """)
        let purposes = [AccountPurpose.numberAgain, .passwordReset].map { $0.name(for: account) }
        for row in said + proven {
            let key = try row.text(0)
            let challenges = try await rows(
                "SELECT id FROM phone_challenge WHERE number = \(key) AND purpose IN \(list: purposes)")
            for challenge in challenges { try await drop(challenge: try challenge.text(0)) }
        }
        try await send(
            """
            DELETE FROM message WHERE id IN (SELECT message_id FROM number_change WHERE account_id = \(account))
            """)
        let templates = MessageTemplate.allCases.filter(\.isAboutAccount).map(\.rawValue)
        for row in said {
            try await send(
                """
                DELETE FROM message WHERE recipient = \(PhoneIdentity(rawValue: try row.text(1)).number)
                    AND state <> 'queued' AND template IN \(list: templates)
                """)
        }
    }

    fileprivate func removeTokens(of account: AccountID) async throws {
        try await send(
            """
            DELETE FROM opaque_token WHERE grant_id IN (SELECT id FROM token_grant WHERE account_id = \(account))
            """)
        // Their refresh tokens and codes find no grant any more, and expire.
        try await send("DELETE FROM token_grant WHERE account_id = \(account)")
    }
}
