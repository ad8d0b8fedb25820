package import Cryptography
package import DeveloperLog
import JOSE
package import RateLimiting
package import Time

/// An authorization request that its client sent here itself, before it sends the person (RFC 9126).
package struct PushedRequest: Sendable {
    static let prefix = "urn:ietf:params:oauth:request_uri:"
    static let lifetimeSeconds = 60

    /// Of the reference that the client gets.
    package let digest: SHA256Digest
    package let client: ClientID
    package let sealedParameters: [UInt8]
    package let expiresAt: Timestamp
}

package protocol PushedRequestStore: Sendable {
    /// Keeps a request, unless a limit refuses it.
    func push(
        _ request: PushedRequest, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> LimitRefusal?

    /// Takes a request away: for one reference, at most one call in the life of the database gets it (RFC 9126 §7.3).
    func take(_ digest: SHA256Digest, of client: ClientID, at now: Timestamp) async throws -> [UInt8]?
}

/// What a client gets for a pushed request (RFC 9126 §2.2).
package struct PushedReference: Sendable, Equatable {
    package let requestURI: String
    package let expiresInSeconds: Int
}

/// Keeps pushed requests until somebody's browser asks for them. What they hold, such as a phone number or an ID
/// token, is sealed in the database.
package struct PushedRequests: Sendable {
    private let store: any PushedRequestStore
    private let key: SealingKey
    private let limitPerClient: Limit?
    private let limitPerAddress: Limit?
    private let entropy: Entropy

    package init(
        store: any PushedRequestStore, secret: [UInt8], limitPerClient: Limit?, limitPerAddress: Limit?,
        entropy: Entropy
    ) {
        self.store = store
        self.limitPerAddress = limitPerAddress
        key = SealingKey(secret: secret, purpose: "pushed request")
        self.limitPerClient = limitPerClient
        self.entropy = entropy
    }

    /// - Parameter object: names the request object that the parameters came in; `nil`: they were not signed.
    package func push(
        _ parameters: [(name: String, value: String)], from object: OneTimeIdentifier? = nil, of client: Client,
        by origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) -> PushedReference {
        let token = entropy.token()
        let digest = SHA256Digest(of: token)
        var document: JSONObject = ["parameters": FormParameters(pairs: parameters).json]
        document["object"] = object?.json
        let request = PushedRequest(
            digest: digest, client: client.id,
            sealedParameters: key.seal(
                JSONValue.object(document).serialized(), bindingTo: digest.bytes, entropy: entropy),
            expiresAt: now.adding(seconds: PushedRequest.lifetimeSeconds))
        // Anybody can push in the name of a client that keeps no secret, and must not use up what is its.
        let charges = [
            LimitCharge(.pushPerIP, limitPerAddress, subject: origin.address ?? ""),
            client.isPublic ? nil : LimitCharge(.pushPerClient, limitPerClient, subject: client.id.rawValue),
        ].compactMap(\.self)
        let refusal: LimitRefusal?
        do { refusal = try await store.push(request, charging: charges, at: now) } catch {
            throw .serverError(error)
        }
        if let refusal { throw .limited(refusal) }
        return PushedReference(
            requestURI: PushedRequest.prefix + token, expiresInSeconds: PushedRequest.lifetimeSeconds)
    }

    /// `nil`: unknown, expired, taken before, or another client's.
    func take(
        _ requestURI: String, of client: ClientID, at now: Timestamp
    ) async throws(OAuthError) -> TakenRequest? {
        let digest = SHA256Digest(of: String(requestURI.dropFirst(PushedRequest.prefix.count)))
        let sealed: [UInt8]?
        do { sealed = try await store.take(digest, of: client, at: now) } catch { throw .serverError(error) }
        guard let sealed, let bytes = try? key.open(sealed, bindingTo: digest.bytes),
            let document = try? JSONValue(parsing: bytes), let parameters = document["parameters"]
        else { return nil }
        return TakenRequest(
            form: FormParameters(json: parameters), object: document["object"].flatMap(OneTimeIdentifier.init(json:)),
            digest: digest)
    }

    struct TakenRequest {
        let form: FormParameters
        let object: OneTimeIdentifier?
        let digest: SHA256Digest
    }
}
