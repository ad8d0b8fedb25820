import CPostgres

/// Where the database is, and how this process uses it.
package struct PostgresSettings: Sendable {
    /// A connection URI of libpq: `postgres://user:password@host:port,host:port/name?sslmode=verify-full`.
    package let url: String
    /// At most so many connections.
    package var connections = 16
    /// How long an act waits for one.
    package var wait = Duration.seconds(5)
    /// After this the server gives a statement up.
    package var statementTimeout = Duration.seconds(10)
    /// How long a statement waits for what another one holds.
    package var lockTimeout = Duration.seconds(5)

    /// `nil` when libpq cannot read the URI. What it says of it may quote the password.
    package init?(url: String) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://"), Self.options(of: url) != nil else {
            return nil
        }
        self.url = url
    }

    /// Host and database without any secret: `db1:5432,db2:5432/denwa`.
    package var place: String {
        let options = Self.options(of: url) ?? [:]
        let hosts = (options["host"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let ports = (options["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let places = hosts.enumerated().map { index, host in
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            return "\(host)\(port.isEmpty ? "" : ":\(port)")"
        }
        return "\(places.joined(separator: ","))/\(options["dbname"] ?? "")"
    }

    private static func options(of url: String) -> [String: String]? {
        guard let options = unsafe PQconninfoParse(url, nil) else { return nil }
        defer { unsafe PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe values[String(cString: keyword)] = String(cString: value)
            }
            unsafe option += 1
        }
        return values
    }
}
