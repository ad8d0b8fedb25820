package import Cryptography
package import DeveloperLog
package import JOSE
import RateLimiting
package import Time

/// Dynamic client registration (RFC 7591) and its management (RFC 7592) without their HTTP.
package struct RegistrationEndpoint: Sendable {
    package static let path = "/oauth2/register"

    private let settings: RegistrationSettings
    private let rules: ClientMetadataRules
    private let store: any ClientRegistrationStore
    private let registry: ClientRegistry
    private let log: any SecurityEventLog
    private let issuer: Issuer
    private let entropy: Entropy

    package init(
        settings: RegistrationSettings, store: any ClientRegistrationStore, registry: ClientRegistry,
        log: any SecurityEventLog, issuer: Issuer, entropy: Entropy
    ) {
        self.settings = settings
        self.rules = ClientMetadataRules(scope: settings.scope)
        self.store = store
        self.registry = registry
        self.log = log
        self.issuer = issuer
        self.entropy = entropy
    }

    /// RFC 7591 §3.
    package func register(
        _ members: JSONObject, token: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) -> ClientInformation {
        try await checkInitialAccess(token, from: origin, at: now)
        let metadata = try rules.registration(members)
        let secret = AuthenticationMethodRule.needsSecret(metadata) ? entropy.token() : nil
        let accessToken = entropy.token()
        let client = RegisteredClient(
            id: .registered(entropy), issuedAt: now, metadata: metadata,
            secretDigest: secret.map { SHA256Digest(of: $0) }, accessDigest: SHA256Digest(of: accessToken))
        let charge = LimitCharge(.registerClientPerIP, settings.registerClientPerIP, subject: origin.address ?? "")
        let outcome: ClientRegistrationOutcome
        do {
            outcome = try await store.register(
                client, maximum: settings.maximumClients, charging: [charge].compactMap(\.self), from: origin, at: now)
        } catch {
            throw .serverError(error)
        }
        switch outcome {
        case .registered: return information(client, secret: secret, accessToken: accessToken)
        case .limited(let refusal): throw .limited(refusal)
        case .full: throw OAuthError(.temporarilyUnavailable, "no more clients can be registered at present")
        }
    }

    /// RFC 7592 §2.1.
    package func read(_ id: ClientID, token: String?) async throws(OAuthError) -> ClientInformation {
        guard let token else { throw Self.invalidToken }
        let found: RegisteredClient?
        do { found = try await store.registeredClient(id) } catch { throw .serverError(error) }
        // RFC 7592 §2.1: a client that is gone and a wrong token are one answer.
        guard let found, found.accessDigest.isEqualInConstantTime(to: SHA256Digest(of: token)) else {
            throw Self.invalidToken
        }
        return information(found, secret: nil, accessToken: token)
    }

    /// RFC 7592 §2.2: what the request does not name is gone.
    package func replace(
        _ id: ClientID, with members: JSONObject, token: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) -> ClientInformation {
        guard let token else { throw Self.invalidToken }
        let newSecret = entropy.token()
        let newDigest = SHA256Digest(of: newSecret)
        let changed: RegisteredClient?
        do {
            changed = try await store.replace(
                id, presenting: SHA256Digest(of: token), from: origin, at: now
            ) { [rules] client in
                try client.replacing(with: members, rules, newSecret: newDigest)
            }
        } catch let error as OAuthError {
            throw error
        } catch {
            throw .serverError(error)
        }
        registry.forget(id)
        guard let changed else { throw Self.invalidToken }
        return information(
            changed, secret: changed.secretDigest == newDigest ? newSecret : nil, accessToken: token)
    }

    /// RFC 7592 §2.3.
    package func delete(
        _ id: ClientID, token: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) {
        guard let token else { throw Self.invalidToken }
        let wasThere: Bool
        do {
            wasThere = try await store.delete(id, presenting: SHA256Digest(of: token), from: origin, at: now)
        } catch {
            throw .serverError(error)
        }
        registry.forget(id)
        guard wasThere else { throw Self.invalidToken }
    }

    private func checkInitialAccess(
        _ token: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) {
        guard settings.mode == .token else { return }
        let presented = SHA256Digest(of: token ?? "")
        // All of them are looked at, so that time does not tell which one is near.
        let matches = settings.initialAccessTokens.filter { $0.isEqualInConstantTime(to: presented) }
        guard token != nil, !matches.isEmpty else {
            let event = SecurityEvent(
                .clientRegistrationRefused, at: now, origin: origin, reason: "wrong or missing initial access token")
            do { try await log.record(event) } catch { throw .serverError(error) }
            throw Self.invalidToken
        }
    }

    private func information(
        _ client: RegisteredClient, secret: String?, accessToken: String
    ) -> ClientInformation {
        ClientInformation(
            registered: client, secret: secret, accessToken: accessToken,
            uri: issuer.appending("\(Self.path)/\(client.id.rawValue)"))
    }

    private static let invalidToken = OAuthError(.invalidToken, "the access token is missing or wrong")
}

extension RegisteredClient {
    /// With what the request says instead, and a secret exactly when its way to authenticate needs one.
    fileprivate func replacing(
        with members: JSONObject, _ rules: ClientMetadataRules, newSecret: SHA256Digest
    ) throws(OAuthError) -> RegisteredClient {
        guard members["client_id"]?.string?.utf8.elementsEqual(id.rawValue.utf8) == true else {
            throw .invalidClientMetadata("client_id is missing, or not this client's")
        }
        if let secret = members["client_secret"], !secret.isNull {
            // A client cannot choose its secret.
            let presented = secret.string.map { SHA256Digest(of: $0) }
            guard let presented, let secretDigest, secretDigest.isEqualInConstantTime(to: presented) else {
                throw .invalidClientMetadata("client_secret is not this client's")
            }
        }
        var changed = self
        changed.metadata = try rules.registration(members)
        let needsSecret = AuthenticationMethodRule.needsSecret(changed.metadata)
        changed.secretDigest = needsSecret ? secretDigest ?? newSecret : nil
        return changed
    }
}
