extension Migration {
    /// Clients that registered themselves.
    static let clientRegistration = Migration(
        name: "0007 client registration",
        statements: [
            // What a client said of itself is JSON, as it is shown to it again.
            """
            CREATE TABLE registered_client (
                id TEXT PRIMARY KEY, metadata TEXT NOT NULL, secret BLOB, access BLOB NOT NULL,
                created_at BIGINT NOT NULL
            )
            """,
            // One row: the count is what those race for who register the last one that may be.
            "CREATE TABLE registered_client_count (id BIGINT PRIMARY KEY, clients BIGINT NOT NULL)",
            "INSERT INTO registered_client_count (id, clients) VALUES (1, 0)",
            // Grants of these clients alone, which end when the client does. Those of the file never do.
            """
            CREATE INDEX token_grant_registered_client ON token_grant (client_id)
            WHERE substr(client_id, 1, 4) = 'reg-'
            """,
        ])

    /// Consents to these clients alone: whether one was ever used is asked of each that was not, again and again.
    static let consentsOfRegisteredClients = Migration(
        name: "0010 consents of registered clients",
        index: SQLIndex(
            "consent_registered_client", on: "consent (client_id) WHERE substr(client_id, 1, 4) = 'reg-'"))
}
