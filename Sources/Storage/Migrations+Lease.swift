extension Migration {
    /// What only one node at a time does.
    static let leases = Migration(
        name: "0009 leases",
        statements: [
            "CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, leased_until BIGINT NOT NULL)"
        ])
}
