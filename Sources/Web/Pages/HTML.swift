/// Text for a page. Escapes by scalar: a quote followed by a combining mark is one character to Swift, and would
/// slip through an escape by character.
enum HTML {
    static func escape(_ text: String) -> String {
        var escaped = String()
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
