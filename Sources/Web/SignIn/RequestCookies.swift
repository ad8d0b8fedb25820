import HTTPTypes
import Hummingbird

/// The cookies of a request, read byte by byte as a browser wrote them (RFC 6265 §4.2.1).
///
/// To a parser that goes by `Character`, a no-break space is white space and U+037E is a semicolon. Then a
/// cookie that another host of the domain may set, named so that the browser takes it for nothing special,
/// would pass here for one with the `__Host-` prefix.
struct RequestCookies {
    private let pairs: [(name: Substring.UTF8View, value: Substring.UTF8View)]

    init(_ request: Request) { self.init(request.headers[values: .cookie]) }

    init(_ fields: [String]) {
        pairs = fields.flatMap { field in
            Substring(field).utf8.split(separator: UInt8(ascii: ";")).compactMap { pair in
                let pair = pair.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { return nil }
                return (pair[..<equals], pair[pair.index(after: equals)...])
            }
        }
    }

    /// `nil` when there is no such cookie, or several that differ: then nobody knows whose word to take.
    subscript(name: String) -> String? {
        let values = pairs.filter { $0.name.elementsEqual(name.utf8) }.map { String(Substring($0.value)) }
        guard let first = values.first, values.allSatisfy({ $0.utf8.elementsEqual(first.utf8) }) else { return nil }
        return first
    }
}
