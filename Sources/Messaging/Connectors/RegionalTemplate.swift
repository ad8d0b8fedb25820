import JOSE

/// A provider's template, or two: mainland China has templates of its own, with other rules.
struct RegionalTemplate: Sendable, Equatable {
    let china: String
    let overseas: String

    /// A text, a number, or `{"china":…,"overseas":…}`.
    init?(_ value: JSONValue?) {
        if let one = Self.text(value) {
            (china, overseas) = (one, one)
        } else if let china = Self.text(value?["china"]), let overseas = Self.text(value?["overseas"]) {
            (self.china, self.overseas) = (china, overseas)
        } else {
            return nil
        }
    }

    func template(for region: String) -> String { region == Self.mainlandChina ? china : overseas }

    /// Hong Kong, Macao and Taiwan have country codes of their own and are overseas to these providers.
    static let mainlandChina = "CN"

    private static func text(_ value: JSONValue?) -> String? {
        (value?.string ?? value?.integer.map(String.init)).flatMap { $0.isEmpty ? nil : $0 }
    }
}
