import JOSE

/// `clients.json`: `{"clients":[{…}]}` with RFC 7591 names and this server's own.
///
/// A file is taken whole or not at all; every problem is told with its line, so that one edit mends all.
package struct ClientFile: Sendable {
    package let clients: [Client]
    /// Members that mean nothing here: ignored, as RFC 7591 §2 wants, but most often a slip of the pen.
    package let warnings: [Problem]

    package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        package let line: Int
        package let reason: String
        package var description: String { "line \(line): \(reason)" }
    }

    package struct Failure: Error, Sendable, Equatable {
        package let problems: [Problem]
    }

    package init(parsing bytes: [UInt8]) throws(Failure) {
        let lines = ClientFileLines(bytes)
        let root: JSONValue
        do {
            root = try JSONValue(parsing: bytes)
        } catch {
            let reason = "not valid JSON (\(error.reason.rawValue))"
            throw Failure(problems: [Problem(line: lines.line(atOffset: error.offset), reason: reason)])
        }
        guard let entries = root["clients"]?.array else {
            throw Failure(problems: [Problem(line: 1, reason: "expected an object with the member \"clients\", a list")]
            )
        }
        var clients: [Client] = []
        var problems: [Problem] = []
        var warnings: [Problem] = []
        var known: Set<ClientID> = []
        var projects: Set<String> = []
        for (index, entry) in entries.enumerated() {
            let line = lines.line(ofClient: index)
            var parser = ClientParser(entry)
            if let client = parser.parse() {
                if !known.insert(client.id).inserted { parser.problems.append("client_id is used twice") }
                if let project = client.projectID, !projects.insert(project).inserted {
                    parser.problems.append("project_id is used twice")
                }
                clients.append(client)
            }
            problems += parser.problems.map { Problem(line: line, reason: "\(parser.name): \($0)") }
            warnings += parser.warnings.map { Problem(line: line, reason: "\(parser.name): \($0)") }
        }
        guard problems.isEmpty else { throw Failure(problems: problems) }
        self.clients = clients
        self.warnings = warnings
    }
}
