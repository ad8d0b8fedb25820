import JOSE
import Messaging
import Synchronization
import WebResources

/// The words of the pages, in every language, with placeholders such as `{app}`.
package struct PageCatalogue: Sendable {
    /// Locale, page, key.
    private let texts: [String: [String: [String: String]]]

    package init() throws(PageResourceFailure) {
        var texts: [String: [String: [String: String]]] = [:]
        for (locale, bytes) in Resources.locales {
            guard let pages = (try? JSONValue(parsing: bytes))?.object else { throw PageResourceFailure(name: locale) }
            for page in pages.members {
                for text in page.value.object?.members ?? [] {
                    texts[locale, default: [:]][page.name, default: [:]][text.name] = text.value.string
                }
            }
        }
        self.texts = texts
    }

    /// The words of one page and those that all pages share. Placeholders without a value stay as they are: the
    /// script fills in what changes by the second.
    func texts(of page: String, locale: String, values: [String: String]) -> [String: String] {
        let catalogue = texts[locale] ?? [:]
        let own = (catalogue["common"] ?? [:]).merging(catalogue[page] ?? [:]) { _, own in own }
        return own.mapValues { Self.fill($0, with: values) }
    }

    /// In one pass, so that a name that looks like a placeholder stays a name.
    static func fill(_ template: String, with values: [String: String]) -> String {
        var filled = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            filled += rest[..<open]
            let name = String(rest[rest.index(after: open)..<close])
            filled += values[name] ?? String(rest[open...close])
            rest = rest[rest.index(after: close)...]
        }
        return filled + rest
    }
}

/// A file built into the executable is not what it should be: a fault of the build.
package struct PageResourceFailure: Error, Sendable {
    package let name: String
}

extension String {
    /// Keeps a number in its own order inside a text of any direction (Unicode isolates, UAX #9 §2.4.3).
    var isolatedLeftToRight: String { "\u{2066}\(self)\u{2069}" }
}
