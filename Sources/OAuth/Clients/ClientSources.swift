package import Time

/// Clients that registered themselves (RFC 7591), as the store has them.
package protocol RegisteredClientStore: Sendable {
    func registeredClient(_ id: ClientID) async throws -> RegisteredClient?
}

/// Clients that publish who they are at the URL that is their id
/// (draft-ietf-oauth-client-id-metadata-document).
package protocol ClientMetadataSource: Sendable {
    /// `nil` when there is no such document, or one that breaks the rules.
    func client(_ id: ClientID, at now: Timestamp) async throws -> Client?
}
