package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

package enum ClientRegistrationOutcome: Sendable, Equatable {
    case registered
    case limited(LimitRefusal)
    /// There are as many registered clients as there may be.
    case full
}

/// Keeps the clients that registered themselves.
package protocol ClientRegistrationStore: RegisteredClientStore {
    /// Registers a client, counts it, and counts the request, or does nothing of it. Of any number that race for the
    /// last place one gets it.
    func register(
        _ client: RegisteredClient, maximum: Int, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> ClientRegistrationOutcome

    /// Replaces what a client said of itself, if `access` is its registration access token.
    ///
    /// - Parameter change: what becomes of it; when it throws, nothing changed.
    /// - Returns: what there is now; `nil` for a wrong token, or no such client.
    func replace(
        _ id: ClientID, presenting access: SHA256Digest, from origin: RequestOrigin, at now: Timestamp,
        with change: @escaping @Sendable (RegisteredClient) throws -> RegisteredClient
    ) async throws -> RegisteredClient?

    /// Removes a client and ends everything that people granted it.
    ///
    /// - Parameter access: its registration access token; `nil` for the operator, who needs none.
    /// - Returns: false for a wrong token, or no such client.
    func delete(
        _ id: ClientID, presenting access: SHA256Digest?, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool
}
