package import JOSE

/// Every kind of connector there is: one line each.
package enum ConnectorCatalogue {
    static let console = "console"
    static let file = "file"

    private static let makers: [(type: String, make: @Sendable (inout ConnectorMembers) -> any MessageConnector)] = [
        ("aliyun", { AliyunConnector(&$0) }),
        ("twilio", { TwilioConnector(&$0) }),
        ("sns", { SNSConnector(&$0) }),
        ("tencent", { TencentConnector(&$0) }),
        ("vonage", { VonageConnector(&$0) }),
        ("webhook", { WebhookConnector(&$0) }),
        ("smtp", { SMTPConnector(&$0) }),
        (file, { FileConnector(path: $0.text("path")) }),
        (console, { _ in ConsoleConnector() }),
    ]

    /// What a list of entries says, with everything that is wrong with any of them.
    package struct Reading {
        package var connectors: [ConfiguredConnector] = []
        package var problems: [String] = []
        package var warnings: [String] = []
    }

    /// - Parameters:
    ///   - receiptBase: the URL under which providers may report.
    ///   - isReachable: whether they can, as far as the URL tells.
    ///   - environment: where `{"env":…}` looks.
    package static func read(
        _ entries: [JSONValue], receiptBase: String, isReachable: Bool, environment: [String: String]
    ) -> Reading {
        var reading = Reading()
        for entry in entries {
            var members = ConnectorMembers(
                entry, receiptBase: receiptBase, isReachable: isReachable, environment: environment)
            guard let maker = makers.first(where: { $0.type == members.type }) else {
                let known = makers.map(\.type).joined(separator: ", ")
                reading.problems.append("a connector's \"type\" must be one of \(known)")
                continue
            }
            let connector = maker.make(&members)
            let countries = Set((members.texts("countries") ?? []).map { $0.uppercased() })
            if countries.contains(where: { $0.utf8.count != 2 }) {
                members.report("\"countries\" takes ISO 3166-1 codes of two letters")
            }
            let weight = members.optionalInteger("weight", in: 1...1000)
            if reading.connectors.contains(where: { $0.name == members.name }) {
                members.report("there is another connector of this name: give each its own \"name\"")
            }
            reading.problems += members.problems
            reading.warnings += members.unknown.map { "connector \"\(members.name)\": there is no member \"\($0)\"" }
            reading.connectors.append(
                ConfiguredConnector(
                    name: members.name, type: members.type, connector: connector, countries: countries,
                    weight: weight))
        }
        return reading
    }
}
