import JOSE
import WebResources

/// The countries and regions that the phone page offers, in every language.
package struct RegionList: Sendable {
    struct Region: Sendable {
        let code: String
        let label: String
    }

    private let regions: [String: [Region]]

    /// - Parameter allowed: ISO 3166-1 codes; empty allows all.
    package init(allowed: Set<String>) throws(PageResourceFailure) {
        var regions: [String: [Region]] = [:]
        for (locale, bytes) in Resources.regions {
            guard let entries = (try? JSONValue(parsing: bytes))?.array else { throw PageResourceFailure(name: locale) }
            // Without the mark a right-to-left page draws the plus behind the number.
            let mark = PageLocale(locale).isRightToLeft ? "\u{200E}" : ""
            regions[locale] = entries.compactMap { entry -> Region? in
                guard let fields = entry.array, fields.count == 3, let code = fields[0].string,
                    let name = fields[1].string, let callingCode = fields[2].integer,
                    allowed.isEmpty || allowed.contains(code)
                else { return nil }
                return Region(code: code, label: "\(name) \(mark)+\(callingCode)")
            }
        }
        self.regions = regions
    }

    func regions(locale: String) -> [Region] { regions[locale] ?? [] }

    /// Where a visitor most likely is: by the first language that names a region ("en-GB"), else by where most
    /// speakers of the page's language are.
    func preferred(wishes: [String], locale: String) -> String? {
        let known = Set(regions(locale: locale).map(\.code))
        for wish in wishes {
            for subtag in wish.split(whereSeparator: { $0 == "-" || $0 == "_" }).dropFirst()
            where subtag.utf8.count == 2 && known.contains(subtag.uppercased()) { return subtag.uppercased() }
        }
        let usual = Self.usualRegion[locale] ?? "US"
        return known.contains(usual) ? usual : regions(locale: locale).first?.code
    }

    private static let usualRegion = [
        "ja": "JP", "zh-Hans": "CN", "ko": "KR", "es": "ES", "fr": "FR", "de": "DE", "pt": "BR", "ar": "EG",
    ]
}
