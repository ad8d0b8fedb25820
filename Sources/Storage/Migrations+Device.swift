extension Migration {
    /// Devices that wait for somebody to let them in.
    static let deviceFlow = Migration(
        name: "0006 device flow",
        statements: [
            // A row is a question. `is_allowed` is its answer, and `grant_id` what a yes made; the poll that redeems it
            // takes the row away.
            """
            CREATE TABLE device_authorization (
                digest BLOB PRIMARY KEY, user_code BLOB NOT NULL, client_id TEXT NOT NULL, scope TEXT NOT NULL,
                resources TEXT NOT NULL, asking_device TEXT, confirmation TEXT, interval_seconds BIGINT NOT NULL,
                polled_at BIGINT, polled_before BIGINT, is_allowed BIGINT, grant_id TEXT, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE UNIQUE INDEX device_authorization_user_code ON device_authorization (user_code)",
            "CREATE INDEX device_authorization_grant ON device_authorization (grant_id) WHERE grant_id IS NOT NULL",
            "CREATE INDEX device_authorization_expiry ON device_authorization (expires_at)",
        ])
}
