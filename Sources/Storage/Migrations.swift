package import Time

/// The schema's history: append only, never edited, each run once.
package struct Migration: Sendable {
    package enum Step: Sendable {
        /// In one transaction. On a large table only what needs no long lock: a column without a default that has to
        /// be computed, a new table.
        case statements([String])
        /// While others go on using the table.
        case index(SQLIndex)
    }

    package let name: String
    package let step: Step

    init(name: String, statements: [String]) {
        self.name = name
        step = .statements(statements)
    }

    package init(name: String, index: SQLIndex) {
        self.name = name
        step = .index(index)
    }
}

extension SQLStore {
    /// What would run, in order.
    package func pendingMigrations() async throws -> [Migration] {
        try await engine.define { schema in try await schema.pending(Migration.all) }
    }

    /// Of several processes that start at once the first one migrates; the others wait, and find it done.
    package func migrate(_ migrations: [Migration] = Migration.all, at now: Timestamp) async throws {
        try await engine.define { schema in
            for migration in try await schema.pending(migrations) {
                let note: SQLStatement =
                    "INSERT INTO schema_migration (name, applied_at) VALUES (\(migration.name), \(now))"
                switch migration.step {
                case .statements(let statements):
                    try await schema.run(statements.map(SQLStatement.init(stringLiteral:)) + [note])
                case .index(let index):
                    try await schema.build(index)
                    try await schema.run([note])
                }
            }
        }
    }
}

extension SQLSchema {
    fileprivate func pending(_ migrations: [Migration]) async throws -> [Migration] {
        try await run([
            "CREATE TABLE IF NOT EXISTS schema_migration (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)"
        ])
        let applied = try await rows("SELECT name FROM schema_migration").map { try $0.text(0) }
        return migrations.filter { !applied.contains($0.name) }
    }
}

extension Migration {
    package static let all: [Migration] = [
        phoneLogin, redirectLogin, messages, accounts, boundTokens, deviceFlow, clientRegistration,
        revocationsAndLogout, leases, consentsOfRegisteredClients,
    ]

    /// Short-lived rows are keyed by random text and found by that key alone; every index beside a primary key
    /// serves exactly one act or the clean-up of expired rows.
    private static let phoneLogin = Migration(
        name: "0001 phone login",
        statements: [
            """
            CREATE TABLE account (
                id TEXT PRIMARY KEY, created_at BIGINT NOT NULL, disabled_at BIGINT
            )
            """,
            """
            CREATE TABLE account_phone (
                number TEXT PRIMARY KEY, account_id TEXT NOT NULL, verified_at BIGINT NOT NULL,
                last_proof_at BIGINT NOT NULL
            )
            """,
            """
            CREATE TABLE phone_challenge (
                id TEXT PRIMARY KEY, client_id TEXT NOT NULL, number TEXT NOT NULL, device TEXT NOT NULL,
                code BLOB NOT NULL, guesses BIGINT NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE UNIQUE INDEX phone_challenge_subject ON phone_challenge (number, client_id, device)",
            "CREATE INDEX phone_challenge_expiry ON phone_challenge (expires_at)",
            """
            CREATE TABLE phone_operation (
                id TEXT PRIMARY KEY, challenge_id TEXT NOT NULL, state TEXT NOT NULL, scope TEXT NOT NULL,
                redirect_uri TEXT NOT NULL, redirect_requested BIGINT NOT NULL, code_challenge TEXT,
                link_digest BLOB, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX phone_operation_challenge ON phone_operation (challenge_id)",
            "CREATE INDEX phone_operation_expiry ON phone_operation (expires_at)",
            """
            CREATE TABLE token_grant (
                id TEXT PRIMARY KEY, account_id TEXT NOT NULL, client_id TEXT NOT NULL, scope TEXT NOT NULL,
                authenticated_at BIGINT NOT NULL, methods TEXT NOT NULL, revoked_at BIGINT,
                expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX token_grant_account ON token_grant (account_id)",
            "CREATE INDEX token_grant_expiry ON token_grant (expires_at)",
            """
            CREATE TABLE authorization_code (
                digest BLOB PRIMARY KEY, grant_id TEXT NOT NULL, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
                redirect_requested BIGINT NOT NULL, code_challenge TEXT, expires_at BIGINT NOT NULL,
                redeemed_at BIGINT
            )
            """,
            "CREATE INDEX authorization_code_expiry ON authorization_code (expires_at)",
            """
            CREATE TABLE refresh_token (
                digest BLOB PRIMARY KEY, grant_id TEXT NOT NULL, client_id TEXT NOT NULL,
                expires_at BIGINT NOT NULL, rotated_at BIGINT
            )
            """,
            "CREATE INDEX refresh_token_expiry ON refresh_token (expires_at)",
            "CREATE TABLE revoked_token (id TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)",
            "CREATE INDEX revoked_token_expiry ON revoked_token (expires_at)",
            "CREATE TABLE rate_limit (subject BLOB PRIMARY KEY, arrival BIGINT NOT NULL)",
            "CREATE INDEX rate_limit_arrival ON rate_limit (arrival)",
            """
            CREATE TABLE message (
                id TEXT PRIMARY KEY, recipient TEXT NOT NULL, body BLOB, template TEXT NOT NULL,
                locale TEXT NOT NULL, client_id TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
                due_at BIGINT, attempts BIGINT NOT NULL, state TEXT NOT NULL
            )
            """,
            "CREATE INDEX message_due ON message (due_at) WHERE due_at IS NOT NULL",
            "CREATE INDEX message_expiry ON message (expires_at)",
            """
            CREATE TABLE security_event (
                position INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, kind TEXT NOT NULL, request_id TEXT NOT NULL,
                client_id TEXT, account_id TEXT, phone TEXT, address TEXT, rule TEXT, reason TEXT NOT NULL, retry_after BIGINT
            )
            """,
            "CREATE INDEX security_event_at ON security_event (at)",
        ])

    /// Sessions and consents of the redirect login; what a link in a text needs to know. Logins under way go on:
    /// they are an app's own.
    private static let redirectLogin = Migration(
        name: "0002 redirect login",
        statements: [
            "ALTER TABLE phone_challenge ADD COLUMN purpose TEXT NOT NULL DEFAULT 'code'",
            "DROP INDEX phone_challenge_subject",
            "CREATE UNIQUE INDEX phone_challenge_subject ON phone_challenge (number, client_id, device, purpose)",
            "ALTER TABLE phone_operation ADD COLUMN browser BLOB",
            "ALTER TABLE phone_operation ADD COLUMN continuation BLOB",
            "ALTER TABLE phone_operation ADD COLUMN asking_device TEXT",
            "ALTER TABLE phone_operation ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE phone_operation ADD COLUMN link_approved BIGINT",
            """
            CREATE TABLE session (
                digest BLOB PRIMARY KEY, id TEXT NOT NULL, account_id TEXT NOT NULL, methods TEXT NOT NULL,
                authenticated_at BIGINT NOT NULL, idle_until BIGINT NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE UNIQUE INDEX session_id ON session (id)",
            "CREATE INDEX session_account ON session (account_id)",
            "CREATE INDEX session_idle ON session (idle_until)",
            """
            CREATE TABLE consent (
                account_id TEXT NOT NULL, client_id TEXT NOT NULL, scope TEXT NOT NULL, given_at BIGINT NOT NULL,
                PRIMARY KEY (account_id, client_id)
            )
            """,
            "CREATE INDEX account_phone_account ON account_phone (account_id)",
            "ALTER TABLE token_grant ADD COLUMN session_id TEXT",
            "ALTER TABLE token_grant ADD COLUMN is_offline BIGINT NOT NULL DEFAULT 0",
            "CREATE INDEX token_grant_session ON token_grant (session_id) WHERE session_id IS NOT NULL",
            "ALTER TABLE authorization_code ADD COLUMN nonce TEXT",
            "CREATE INDEX authorization_code_unredeemed ON authorization_code (expires_at) WHERE redeemed_at IS NULL",
        ])

    /// Connectors that report, the state of an operation's text, and what the guard counts.
    private static let messages = Migration(
        name: "0003 messages",
        statements: [
            "ALTER TABLE message ADD COLUMN channel TEXT NOT NULL DEFAULT 'sms'",
            "ALTER TABLE message ADD COLUMN region TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE message ADD COLUMN connector TEXT",
            "ALTER TABLE message ADD COLUMN provider_id TEXT",
            "ALTER TABLE message ADD COLUMN failed_connectors TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE message ADD COLUMN answer TEXT",
            "ALTER TABLE message ADD COLUMN leased_until BIGINT",
            "CREATE INDEX message_provider ON message (provider_id) WHERE provider_id IS NOT NULL",
            "ALTER TABLE phone_operation ADD COLUMN message_id TEXT",
            "ALTER TABLE phone_challenge ADD COLUMN region TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE security_event ADD COLUMN figures TEXT",
            // One row a subject: the window that runs, the one before it, and what was decided.
            """
            CREATE TABLE traffic (
                subject TEXT PRIMARY KEY, period BIGINT NOT NULL, sent BIGINT NOT NULL, confirmed BIGINT NOT NULL,
                previous_sent BIGINT NOT NULL, previous_confirmed BIGINT NOT NULL, next_at BIGINT NOT NULL,
                blocked_until BIGINT NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX traffic_expiry ON traffic (expires_at)",
            """
            CREATE TABLE spending (
                subject TEXT NOT NULL, period TEXT NOT NULL, amount BIGINT NOT NULL, expires_at BIGINT NOT NULL,
                PRIMARY KEY (subject, period)
            )
            """,
            "CREATE INDEX spending_expiry ON spending (expires_at)",
        ])
}
