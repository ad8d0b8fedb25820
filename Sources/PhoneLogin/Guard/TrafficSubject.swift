package import OAuth
package import PhoneNumbers

/// Whose texts are counted together, sent against confirmed.
package enum TrafficSubject: Hashable, Sendable {
    /// A thousand neighbouring numbers: one with its last three digits dropped.
    case range(String)
    /// A hundred thousand: the last five digits dropped. Whoever goes through ranges one by one stays in a block.
    case block(String)
    /// One client's texts to one country (ISO 3166-1 alpha-2): what strangers do to one client is no other's fault.
    case country(String, client: String)
    case client(String)

    package var kind: String {
        switch self {
        case .range: "range"
        case .block: "block"
        case .country: "country"
        case .client: "client"
        }
    }

    package var name: String {
        switch self {
        case .range(let name), .block(let name), .client(let name): name
        case .country(let name, let client): "\(name):\(client)"
        }
    }

    /// Whether it holds many ranges.
    package var isWide: Bool {
        switch self {
        case .range, .block: false
        case .country, .client: true
        }
    }

    /// As it is stored.
    package var key: String { "\(kind):\(name)" }

    package init?(key: String) {
        let parts = key.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "range": self = .range(parts[1])
        case "block": self = .block(parts[1])
        case "country":
            let place = parts[1].split(separator: ":", maxSplits: 1).map(String.init)
            guard place.count == 2 else { return nil }
            self = .country(place[0], client: place[1])
        case "client": self = .client(parts[1])
        default: return nil
        }
    }

    /// Everything that a text to a number counts for, narrowest first.
    package static func all(of phone: PhoneNumber, client: ClientID) -> [TrafficSubject] {
        [
            .range(rangeName(of: phone.e164)), .block(String(phone.e164.dropLast(5))),
            .country(phone.region, client: client.trafficName), .client(client.trafficName),
        ]
    }

    package static func rangeName(of number: String) -> String { String(number.dropLast(3)) }
}

/// Whose credit it is that a person confirmed a text. The store asks it once it knows whom the text was for.
package typealias ConfirmedTraffic =
    @Sendable (PhoneIdentity, _ region: String, ClientID, _ device: String?) -> [TrafficSubject]

extension ClientID {
    /// Whom a client's texts count for. Those that describe themselves share one count: a new one costs nothing.
    var trafficName: String { isSelfGiven ? "self-described" : rawValue }
}
