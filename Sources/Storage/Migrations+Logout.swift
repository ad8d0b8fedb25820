extension Migration {
    /// What was revoked, for those who check tokens by themselves; which apps a browser's sign-in has let in, and
    /// which of them have to be told that it is over.
    static let revocationsAndLogout = Migration(
        name: "0008 revocations and logout",
        statements: [
            // Append-only; `kind` is grant or token. Positions grow and are never given out twice.
            """
            CREATE TABLE revocation (
                position INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL
            )
            """,
            "CREATE INDEX revocation_at ON revocation (at)",
            // Grants without offline access are removed long before the app's own session ends, so they cannot tell
            // whom to notify. Only clients that want to hear of it are here.
            """
            CREATE TABLE session_client (
                session_id TEXT NOT NULL, client_id TEXT NOT NULL, account_id TEXT NOT NULL, expires_at BIGINT NOT NULL,
                PRIMARY KEY (session_id, client_id)
            )
            """,
            "CREATE INDEX session_client_account ON session_client (account_id)",
            "CREATE INDEX session_client_expiry ON session_client (expires_at)",
            // Whoever was signed in already may be at a client that wants to hear of it from now on.
            """
            INSERT INTO session_client (session_id, client_id, account_id, expires_at)
            SELECT s.id, g.client_id, s.account_id, s.expires_at
            FROM session s JOIN token_grant g ON g.session_id = s.id WHERE g.account_id = s.account_id
            ON CONFLICT DO NOTHING
            """,
            """
            CREATE TABLE logout_notice (
                session_id TEXT NOT NULL, client_id TEXT NOT NULL, account_id TEXT NOT NULL, queued_at BIGINT NOT NULL,
                due_at BIGINT NOT NULL, attempts BIGINT NOT NULL, PRIMARY KEY (session_id, client_id, account_id)
            )
            """,
            "CREATE INDEX logout_notice_due ON logout_notice (due_at)",
        ])
}
