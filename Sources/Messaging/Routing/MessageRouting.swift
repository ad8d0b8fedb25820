package import Cryptography
package import Time

/// Which connectors a message may take, and in which order.
package struct MessageRouting: Sendable {
    package let connectors: [ConfiguredConnector]
    private let entropy: Entropy

    package init(_ connectors: [ConfiguredConnector], entropy: Entropy = .system) {
        self.connectors = connectors
        self.entropy = entropy
    }

    /// In the order of the configuration. Neighbours with weights come in an order drawn for each message, so that
    /// each is first in its share of them, and the others are its backups.
    func order(of channel: MessageChannel, region: String, without failed: Set<String>) -> [ConfiguredConnector] {
        var order: [ConfiguredConnector] = []
        var sharing: [ConfiguredConnector] = []
        for connector in connectors
        where connector.takes(channel, region: region) && !failed.contains(connector.name) {
            if connector.weight != nil {
                sharing.append(connector)
            } else {
                order += drawn(sharing) + [connector]
                sharing = []
            }
        }
        return order + drawn(sharing)
    }

    private func drawn(_ sharing: [ConfiguredConnector]) -> [ConfiguredConnector] {
        guard sharing.count > 1 else { return sharing }
        var left = sharing
        var order: [ConfiguredConnector] = []
        while !left.isEmpty {
            let weights = left.map { $0.weight ?? 1 }
            var draw = number(below: weights.reduce(0, +))
            let index = weights.firstIndex { weight in
                draw -= weight
                return draw < 0
            }
            order.append(left.remove(at: index ?? 0))
        }
        return order
    }

    /// The remainder of 64 random bits: weights are small, so no share is off by anything that shows.
    private func number(below end: Int) -> Int {
        Int(entropy.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % UInt64(max(1, end)))
    }

    /// Seconds until any connector of the route is tried again; `nil` while one of them works.
    package func unavailableSeconds(for channel: MessageChannel, region: String, at now: Timestamp) -> Int? {
        var soonest = Self.nobodySeconds
        for connector in connectors where connector.takes(channel, region: region) {
            guard let seconds = connector.breaker.openSeconds(at: now) else { return nil }
            soonest = min(soonest, seconds)
        }
        return soonest
    }

    /// When nobody takes texts to a region, asking again soon does not help.
    private static let nobodySeconds = 3600

    /// Whether texts to there cost money.
    package func costsMoney(_ channel: MessageChannel, region: String) -> Bool {
        channel == .sms
            && connectors.contains { $0.takes(channel, region: region) && !$0.isForDevelopment }
    }
}
