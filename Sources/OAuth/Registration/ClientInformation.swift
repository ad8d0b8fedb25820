package import JOSE
import Time

/// What a client is told of its registration (RFC 7591 §3.2.1, RFC 7592 §3).
package struct ClientInformation: Sendable {
    let registered: RegisteredClient
    /// Only when it was made for this answer: what is stored is its digest.
    let secret: String?
    let accessToken: String
    let uri: String

    package var json: JSONValue {
        var members: JSONObject = [
            "client_id": .string(registered.id.rawValue),
            "client_id_issued_at": .integer(registered.issuedAt.seconds),
        ]
        if let secret { members["client_secret"] = .string(secret) }
        // It does not expire.
        if registered.secretDigest != nil { members["client_secret_expires_at"] = 0 }
        members["registration_access_token"] = .string(accessToken)
        members["registration_client_uri"] = .string(uri)
        for member in registered.metadata.members { members[member.name] = member.value }
        return .object(members)
    }
}
