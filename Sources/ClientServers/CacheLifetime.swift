/// For how long an answer may be kept (RFC 9111 §5.2.2).
enum CacheLifetime {
    private static let shortest = 60
    private static let longest = 86_400
    /// When the answer says nothing.
    private static let usual = 300

    /// - Parameter directives: of `Cache-Control`, in lower case.
    static func seconds(_ directives: [String]) -> Int {
        if directives.contains("no-store") || directives.contains("no-cache") { return shortest }
        let ages = directives.compactMap { directive -> Int? in
            guard directive.hasPrefix("max-age=") else { return nil }
            let digits = directive.dropFirst("max-age=".count).filter { $0 != "\"" }
            guard !digits.isEmpty, digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
                return nil
            }
            // RFC 9111 §1.2.2: a number too large is as long as can be.
            return Int(digits) ?? longest
        }
        return min(max(ages.min() ?? usual, shortest), longest)
    }
}
