import JOSE
import Mustache
import WebResources

/// The countries and regions that the phone page offers, in every language.
///
/// The options are made once: rendering a few hundred of them anew would cost four times the rest of the page.
package struct RegionList: Sendable {
    private let lists: [String: Options]

    private struct Options: Sendable {
        var codes: [String] = []
        var html = ""
        /// Where ` selected` goes, by code.
        var marks: [String: Int] = [:]

        mutating func add(_ code: String, label: String) {
            html += "<option value=\"\(HTML.escape(code))\""
            codes.append(code)
            marks[code] = html.utf8.count
            html += ">\(HTML.escape(label))\n"
        }

        func html(selecting code: String?) -> String {
            guard let mark = code.flatMap({ marks[$0] }) else { return html }
            let index = html.utf8.index(html.utf8.startIndex, offsetBy: mark)
            return html[..<index] + " selected" + html[index...]
        }
    }

    /// - Parameter allowed: ISO 3166-1 codes; empty allows all.
    package init(allowed: Set<String>) throws(PageResourceFailure) {
        var lists: [String: Options] = [:]
        for (locale, bytes) in Resources.regions {
            guard let entries = (try? JSONValue(parsing: bytes))?.array else { throw PageResourceFailure(name: locale) }
            // Without the mark a right-to-left page draws the plus behind the number.
            let mark = PageLocale(locale).isRightToLeft ? "\u{200E}" : ""
            var options = Options()
            for entry in entries {
                guard let fields = entry.array, fields.count == 3, let code = fields[0].string,
                    let name = fields[1].string, let callingCode = fields[2].integer
                else { throw PageResourceFailure(name: locale) }
                if allowed.isEmpty || allowed.contains(code) {
                    options.add(code, label: "\(name) \(mark)+\(callingCode)")
                }
            }
            lists[locale] = options
        }
        self.lists = lists
    }

    func codes(locale: String) -> [String] { lists[locale]?.codes ?? [] }

    /// `<option>` elements, escaped, for a template's unescaped tag.
    func options(locale: String, selecting code: String?) -> Markup {
        Markup(renderText: lists[locale]?.html(selecting: code) ?? "")
    }

    struct Markup: MustacheCustomRenderable {
        let renderText: String
        var isNull: Bool { false }
    }

    /// Where a visitor most likely is: by the first language that names a region ("en-GB"), else by where most
    /// speakers of the page's language are.
    func preferred(wishes: [String], locale: String) -> String? {
        let known = Set(codes(locale: locale))
        for wish in wishes {
            for subtag in wish.split(whereSeparator: { $0 == "-" || $0 == "_" }).dropFirst()
            where subtag.utf8.count == 2 && known.contains(subtag.uppercased()) { return subtag.uppercased() }
        }
        let usual = Self.usualRegion[locale] ?? "US"
        return known.contains(usual) ? usual : codes(locale: locale).first
    }

    private static let usualRegion = [
        "ja": "JP", "zh-Hans": "CN", "ko": "KR", "es": "ES", "fr": "FR", "de": "DE", "pt": "BR", "ar": "EG",
    ]
}
