package import Cryptography
package import JOSE
package import Time

/// A client that registered itself (RFC 7591 §3.2.1).
package struct RegisteredClient: Sendable, Equatable {
    package let id: ClientID
    package let issuedAt: Timestamp
    /// What it said of itself, after `ClientMetadataRules`.
    package var metadata: JSONObject
    /// SHA-256 of its secret; `nil` for a client without one.
    package var secretDigest: SHA256Digest?
    /// SHA-256 of its registration access token (RFC 7592 §1.2).
    package let accessDigest: SHA256Digest

    package init(
        id: ClientID, issuedAt: Timestamp, metadata: JSONObject, secretDigest: SHA256Digest?,
        accessDigest: SHA256Digest
    ) {
        self.id = id
        self.issuedAt = issuedAt
        self.metadata = metadata
        self.secretDigest = secretDigest
        self.accessDigest = accessDigest
    }

    /// `nil` when what was right once breaks a rule of a later version.
    package var client: Client? { Client(selfDescribed: metadata, id: id, secretDigest: secretDigest) }
}

extension ClientID {
    /// What every id begins with that registration gives out: for no other is the store asked.
    private static let registeredPrefix = "reg-"

    static func registered(_ entropy: Entropy) -> ClientID { ClientID(registeredPrefix + entropy.identifier()) }

    /// Whether clients can come by such an id without the operator.
    package var isSelfGiven: Bool { isURL || isOfRegistration }

    var isOfRegistration: Bool { rawValue.utf8.starts(with: Self.registeredPrefix.utf8) }
}

extension Client {
    /// From what a stranger said, after the rules, and what holds for all strangers: they never speak for the
    /// operator, show no screens of their own for number and code, and always use PKCE.
    init?(selfDescribed metadata: JSONObject, id: ClientID, secretDigest: SHA256Digest?) {
        var members = metadata
        members["client_id"] = .string(id.rawValue)
        members["client_secret_sha256"] = secretDigest.map { .string(Hex.encode($0.bytes)) }
        members["require_pkce"] = true
        members["first_party"] = false
        members["phone_login"] = false
        var parser = ClientParser(.object(members))
        // Without a scope of its own a client may ask for any.
        guard var client = parser.parse(), parser.problems.isEmpty, client.scope != nil else { return nil }
        client.isSelfDescribed = true
        // Nobody has shown that a redirect URI's host is theirs: a sector of its own, or subjects of others could be had.
        client.sectorIdentifier = nil
        self = client
    }
}
