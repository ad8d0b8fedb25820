import HTTPTypes
import Hummingbird
import OAuth

extension Request {
    /// The token of an `Authorization` header, under whichever scheme it came.
    var accessToken: (type: TokenType, token: String)? {
        let parts = (headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return (.bearer, String(parts[1]))
        case "dpop": return (.dpop, String(parts[1]))
        default: return nil
        }
    }

    /// The token of an `Authorization: Bearer` header (RFC 6750 §2.1). Never one from a query, which ends up in
    /// logs and histories (§5.3).
    var bearerToken: String? {
        guard let (type, token) = accessToken, type == .bearer else { return nil }
        return token
    }
}
