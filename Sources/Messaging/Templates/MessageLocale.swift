/// The languages the texts are written in, and which one a person gets.
package enum MessageLocale {
    /// The built-in language that somebody with these wishes gets; the pages are written in the same ones.
    package static func best(for wishes: [String]) -> String {
        prefixes(of: wishes).lazy.compactMap { TemplateCatalogue.builtInTags[$0] }.first ?? fallback
    }

    /// BCP 47 lookup (RFC 4647 §3.4): each wish and its shorter forms, in the order of the wishes, in small letters.
    static func prefixes(of wishes: [String]) -> [String] {
        // RFC 5646 §4.4.1: 35 characters hold every tag that means something, and what is longer is not worth the time.
        wishes.lazy.filter { $0.utf8.count <= 35 }.flatMap { wish -> [String] in
            var subtags = alias(wish).split(separator: "-").map(String.init)
            var prefixes: [String] = []
            while !subtags.isEmpty {
                prefixes.append(subtags.joined(separator: "-"))
                subtags.removeLast()
            }
            return prefixes
        }
    }

    /// Letters, digits and hyphens, in parts of one to eight (RFC 5646 §2.1).
    static func isTag(_ text: String) -> Bool {
        text.utf8.count <= 35
            && text.split(separator: "-", omittingEmptySubsequences: false).allSatisfy { part in
                (1...8).contains(part.utf8.count)
                    && part.utf8.allSatisfy { byte in
                        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    }
            }
    }

    package static let fallback = "en"

    /// People's browsers say `zh-CN`; the catalogue says what is written: simplified characters.
    static func alias(_ tag: String) -> String {
        let lower = tag.lowercased().replacing("_", with: "-")
        return lower == "zh" || lower.hasPrefix("zh-cn") || lower.hasPrefix("zh-sg") ? "zh-hans" : lower
    }

    /// What a person asks for, best first: by the request's `ui_locales`, by the browser, by what the client's
    /// people mostly speak.
    package static func wishes(uiLocales: [String], acceptLanguage: String?, fallback: String?) -> [String] {
        Array(uiLocales.prefix(10)) + (acceptLanguage.map { wishes(acceptLanguage: $0) } ?? [])
            + (fallback.map { [$0] } ?? [])
    }

    /// The languages of an `Accept-Language` field, best first (RFC 9110 §12.5.4). At most ten: the rest is noise.
    package static func wishes(acceptLanguage: String) -> [String] {
        acceptLanguage.split(separator: ",").prefix(10).compactMap { part -> (tag: String, quality: Double)? in
            let fields = part.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            guard let tag = fields.first, !tag.isEmpty, tag != "*" else { return nil }
            let quality = fields.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            return quality > 0 ? (tag, quality) : nil
        }
        .enumerated()
        .sorted { ($0.element.quality, -$0.offset) > ($1.element.quality, -$1.offset) }
        .map(\.element.tag)
    }
}
