package import Accounts
import Cryptography

/// The `sub` that a client knows an account by (OpenID Connect Core §8).
package struct SubjectIdentifiers: Sendable {
    private let key: [UInt8]

    package init(secret: [UInt8]) {
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa pairwise subject", length: 32)
    }

    /// The account's own id, or for a pairwise client a UUID that only clients of its sector share. Computed and
    /// never stored; nobody without the key can tell which pairwise subjects are one person.
    package func subject(of account: AccountID, for client: Client) -> String {
        guard client.subjectType == .pairwise else { return account.rawValue }
        return Self.uuid(Array(derived(account.rawValue, for: client).prefix(16)))
    }

    /// The `sid` that a client knows a session by: by the real one, pairwise subjects could be matched.
    package func session(_ session: SessionID, for client: Client) -> String {
        guard client.subjectType == .pairwise else { return session.rawValue }
        return Base64URL.encode(Array(derived(session.rawValue, for: client).prefix(16)))
    }

    /// Ids of one kind all have one length, so the two parts cannot run into each other.
    private func derived(_ id: String, for client: Client) -> [UInt8] {
        HMAC.sha256(Array((id + (client.sectorIdentifier ?? client.id.rawValue)).utf8), key: key)
    }

    /// A UUID of version 8, "custom" (RFC 9562 §5.8).
    private static func uuid(_ bytes: [UInt8]) -> String {
        var bytes = bytes
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        return Hex.encodeUUID(bytes)
    }
}
