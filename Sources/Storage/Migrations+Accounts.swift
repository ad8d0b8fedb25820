extension Migration {
    /// Names, e-mail addresses, passwords and properties; numbers and addresses on their way to being proved; what
    /// undoes a change of number, and who had a number before.
    static let accounts = Migration(
        name: "0004 accounts",
        statements: [
            // Where it was registered; none for whoever came by phone.
            "ALTER TABLE account ADD COLUMN client_id TEXT",
            "ALTER TABLE account ADD COLUMN login_name TEXT",
            "ALTER TABLE account ADD COLUMN login_key TEXT",
            "ALTER TABLE account ADD COLUMN password TEXT",
            "ALTER TABLE account ADD COLUMN password_set_at BIGINT",
            "ALTER TABLE account ADD COLUMN display_name TEXT",
            "ALTER TABLE account ADD COLUMN country TEXT",
            "ALTER TABLE account ADD COLUMN locale TEXT",
            "ALTER TABLE account ADD COLUMN updated_at BIGINT",
            "CREATE UNIQUE INDEX account_login ON account (login_key) WHERE login_key IS NOT NULL",
            // Proved, so each at most once.
            """
            CREATE TABLE account_email (
                key TEXT PRIMARY KEY, account_id TEXT NOT NULL, address TEXT NOT NULL, verified_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX account_email_account ON account_email (account_id)",
            // An app took its user's word for these; a proof by somebody else takes them away. `kind` is phone or email.
            """
            CREATE TABLE address_claim (
                kind TEXT NOT NULL, key TEXT NOT NULL, account_id TEXT NOT NULL, address TEXT NOT NULL,
                claimed_at BIGINT NOT NULL, PRIMARY KEY (kind, key)
            )
            """,
            "CREATE INDEX address_claim_account ON address_claim (account_id)",
            // Given and not proved yet: any number of accounts may wait for the same one.
            """
            CREATE TABLE address_pending (
                account_id TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL,
                client_id TEXT NOT NULL, begun_in TEXT, begun_at BIGINT NOT NULL, PRIMARY KEY (account_id, kind)
            )
            """,
            "CREATE INDEX address_pending_key ON address_pending (kind, key)",
            """
            CREATE TABLE email_challenge (
                account_id TEXT NOT NULL, purpose TEXT NOT NULL, client_id TEXT NOT NULL, place TEXT NOT NULL,
                id TEXT NOT NULL, key TEXT NOT NULL, code BLOB NOT NULL, guesses BIGINT NOT NULL,
                expires_at BIGINT NOT NULL, PRIMARY KEY (account_id, purpose, client_id, place)
            )
            """,
            "CREATE INDEX email_challenge_expiry ON email_challenge (expires_at)",
            """
            CREATE TABLE account_property (
                account_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, size BIGINT NOT NULL,
                PRIMARY KEY (account_id, name)
            )
            """,
            // Tokens without a meaning of their own: those of the Kii and Monaca interfaces.
            """
            CREATE TABLE opaque_token (
                digest BLOB PRIMARY KEY, kind TEXT NOT NULL, grant_id TEXT NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX opaque_token_grant ON opaque_token (grant_id)",
            "CREATE INDEX opaque_token_expiry ON opaque_token (expires_at)",
            """
            CREATE TABLE password_reset (
                digest BLOB PRIMARY KEY, account_id TEXT NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX password_reset_account ON password_reset (account_id)",
            "CREATE INDEX password_reset_expiry ON password_reset (expires_at)",
            // Where somebody signed in by password before: strangers' wrong guesses do not lock these out.
            "CREATE TABLE known_origin (digest BLOB PRIMARY KEY, expires_at BIGINT NOT NULL)",
            "CREATE INDEX known_origin_expiry ON known_origin (expires_at)",
            """
            CREATE TABLE number_change (
                undo_digest BLOB PRIMARY KEY, account_id TEXT NOT NULL, message_id TEXT NOT NULL, old_number TEXT NOT NULL,
                new_number TEXT NOT NULL, changed_at BIGINT NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX number_change_account ON number_change (account_id)",
            "CREATE INDEX number_change_expiry ON number_change (expires_at)",
            // Its number was idle and somebody proved it again, who may be somebody else.
            """
            CREATE TABLE account_parked (
                account_id TEXT PRIMARY KEY, number TEXT NOT NULL, parked_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX account_parked_number ON account_parked (number)",
            // Rows of files that were imported: the same row comes in once.
            "CREATE TABLE account_import (digest BLOB PRIMARY KEY, account_id TEXT NOT NULL)",
            "CREATE INDEX account_import_account ON account_import (account_id)",
            // So that no import brings an id back: it is somebody else's by then.
            "CREATE TABLE account_deleted (id TEXT PRIMARY KEY)",
            "ALTER TABLE session ADD COLUMN device TEXT",
            "CREATE INDEX message_recipient ON message (recipient)",
            "CREATE INDEX security_event_account ON security_event (account_id) WHERE account_id IS NOT NULL",
        ])
}
