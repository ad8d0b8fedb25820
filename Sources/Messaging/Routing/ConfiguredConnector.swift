/// A connector with its place in the routes.
package struct ConfiguredConnector: Sendable {
    /// How routes, receipts, commands and the log call it.
    package let name: String
    /// The provider's kind, as in the configuration.
    package let type: String
    package let connector: any MessageConnector
    /// ISO 3166-1 alpha-2; empty: all.
    package let countries: Set<String>
    /// The share of a connector among its neighbours that have one; `nil`: all that comes this far.
    package let weight: Int?
    package let breaker = CircuitBreaker()

    package init(
        name: String, type: String, connector: any MessageConnector, countries: Set<String> = [], weight: Int? = nil
    ) {
        self.name = name
        self.type = type
        self.connector = connector
        self.countries = countries
        self.weight = weight
    }

    /// The same place in the routes, with another connector in it.
    package func wrapping(_ wrap: (any MessageConnector) -> any MessageConnector) -> ConfiguredConnector {
        ConfiguredConnector(name: name, type: type, connector: wrap(connector), countries: countries, weight: weight)
    }

    /// Shows codes to whoever reads the terminal or the file.
    package var isForDevelopment: Bool { type == ConnectorCatalogue.console || type == ConnectorCatalogue.file }

    func takes(_ channel: MessageChannel, region: String) -> Bool {
        connector.channels.contains(channel)
            && (countries.isEmpty || channel != .sms || countries.contains(region))
    }
}

/// Connectors hold their providers' secrets, and the libraries that run services print them.
extension ConfiguredConnector: CustomStringConvertible, CustomReflectable {
    package var description: String { "connector \(name)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension ConfiguredConnector {
    /// Who reads its provider's receipts, if it takes any.
    package var receiptSource: (any ReceiptSource)? {
        guard connector.givesReceipts else { return nil }
        return ((connector as? InboxConnector)?.next ?? connector) as? any ReceiptSource
    }
}
