import Cryptography

/// How parameters are written into requests, and canonically for the signatures over them.
enum RequestEncoding {
    /// `name=value` joined with `&`, in the order given.
    static func pairs(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(
            separator: "&")
    }

    /// The body of a form, where a space is a plus (URL Standard, `application/x-www-form-urlencoded`).
    static func formBody(_ parameters: [(name: String, value: String)]) -> [UInt8] {
        Array(pairs(parameters).replacing("%20", with: "+").utf8)
    }

    /// By the bytes of the names: providers sort names, not the written pairs, which differ where a name is
    /// another's beginning.
    static func sortedByName(_ parameters: [(name: String, value: String)]) -> [(name: String, value: String)] {
        parameters.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    static let form = (name: "Content-Type", value: "application/x-www-form-urlencoded")
    static let json = (name: "Content-Type", value: "application/json; charset=utf-8")
}
