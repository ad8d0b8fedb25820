import Foundation

/// Parameters as `application/x-www-form-urlencoded`, for a body or a query. One without a value is left out.
struct Form: ExpressibleByDictionaryLiteral {
    private(set) var parameters: [(name: String, value: String)] = []

    init(dictionaryLiteral parameters: (String, String?)...) {
        for (name, value) in parameters { self[name] = value }
    }

    subscript(name: String) -> String? {
        get { parameters.first { $0.name == name }?.value }
        set {
            parameters.removeAll { $0.name == name }
            if let newValue { parameters.append((name, newValue)) }
        }
    }

    func merging(_ other: Form) -> Form {
        other.parameters.reduce(into: self) { $0[$1.name] = $1.value }
    }

    var encoded: String {
        parameters.map { "\(Self.encode($0.name))=\(Self.encode($0.value))" }.joined(separator: "&")
    }

    private static func encode(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// RFC 3986 §2.3. `alphanumerics` would let every script's letters through.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}

extension URL {
    /// This address with `form` added to its query.
    func adding(_ form: Form) -> URL {
        guard var components = URLComponents(url: self, resolvingAgainstBaseURL: true) else { return self }
        let queries = [components.percentEncodedQuery ?? "", form.encoded]
        components.percentEncodedQuery = queries.filter { !$0.isEmpty }.joined(separator: "&")
        return components.url ?? self
    }

    /// The query's parameters, form-decoded. The first of a name counts.
    var queryParameters: [String: String] {
        let query = URLComponents(url: self, resolvingAgainstBaseURL: true)?.percentEncodedQuery ?? ""
        let pairs = query.split(separator: "&").map { pair in
            pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { part in
                part.replacingOccurrences(of: "+", with: " ").removingPercentEncoding ?? String(part)
            }
        }
        return Dictionary(pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { first, _ in first }
    }
}
