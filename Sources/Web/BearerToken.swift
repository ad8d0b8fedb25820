import HTTPTypes
import Hummingbird

extension Request {
    /// The token of an `Authorization: Bearer` header (RFC 6750 §2.1). Never one from a query, which ends up in
    /// logs and histories (§5.3).
    var bearerToken: String? {
        let parts = (headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}
