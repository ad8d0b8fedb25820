extension Migration {
    /// Keys that codes and tokens are bound to, what tokens are for, requests that clients pushed, and what counts once.
    static let boundTokens = Migration(
        name: "0005 bound tokens",
        statements: [
            "ALTER TABLE token_grant ADD COLUMN resources TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE authorization_code ADD COLUMN key_thumbprint TEXT",
            "ALTER TABLE refresh_token ADD COLUMN confirmation TEXT",
            "ALTER TABLE phone_operation ADD COLUMN nonce TEXT",
            "ALTER TABLE phone_operation ADD COLUMN resources TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE phone_operation ADD COLUMN key_thumbprint TEXT",
            // Sealed: what a client pushes may hold a number, or an ID token.
            """
            CREATE TABLE pushed_request (
                digest BLOB PRIMARY KEY, client_id TEXT NOT NULL, parameters BLOB NOT NULL, expires_at BIGINT NOT NULL
            )
            """,
            "CREATE INDEX pushed_request_expiry ON pushed_request (expires_at)",
            "CREATE TABLE spent_identifier (digest BLOB PRIMARY KEY, expires_at BIGINT NOT NULL)",
            "CREATE INDEX spent_identifier_expiry ON spent_identifier (expires_at)",
        ])
}
