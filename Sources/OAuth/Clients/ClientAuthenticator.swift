import Cryptography
package import DeveloperLog
import JOSE
package import Time

/// A client whose credentials were checked, or a public one that has none. Only `ClientAuthenticator` makes it.
package struct AuthenticatedClient: Sendable {
    package let client: Client
    fileprivate init(_ client: Client) { self.client = client }

    package func mayUse(_ grant: GrantType) throws(OAuthError) {
        guard client.grantTypes.contains(grant) else {
            throw .unauthorizedClient("the client is not registered for this grant_type")
        }
    }
}

/// What a request brought to prove which client it is (RFC 6749 §2.3.1, RFC 7523 §2.2).
package struct ClientCredentials: Sendable {
    package let id: ClientID
    package let secret: String?
    /// A JWT that the client signed.
    package let assertion: ClientAssertion?

    package init(id: ClientID, secret: String?, assertion: ClientAssertion? = nil) {
        self.id = id
        self.secret = secret
        self.assertion = assertion
    }

    /// From the `Authorization` header's Basic scheme, or from the form; two ways at once are refused (§2.3).
    package static func read(authorization: String?, form: FormParameters) throws(OAuthError) -> ClientCredentials {
        let formID = try form.value("client_id")
        let formSecret = try form.value("client_secret")
        if let assertion = try ClientAssertion(form) {
            guard authorization == nil, formSecret == nil else {
                throw .invalidRequest("more than one client authentication method")
            }
            guard formID == nil || formID?.utf8.elementsEqual(assertion.client.rawValue.utf8) == true else {
                throw .invalidRequest("client_id differs from the authenticated client")
            }
            return ClientCredentials(id: assertion.client, secret: nil, assertion: assertion)
        }
        guard let authorization else {
            guard let formID else { throw .invalidClient }
            return ClientCredentials(id: ClientID(formID), secret: formSecret)
        }
        guard formSecret == nil else { throw .invalidRequest("more than one client authentication method") }
        let basic = try parseBasic(authorization)
        guard formID == nil || formID == basic.id.rawValue else {
            throw .invalidRequest("client_id differs from the authenticated client")
        }
        return basic
    }

    private static func parseBasic(_ header: String) throws(OAuthError) -> ClientCredentials {
        let parts = header.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "basic",
            let decoded = Base64.decode(parts[1]),
            let text = String(validating: decoded, as: UTF8.self),
            let colon = text.firstIndex(of: ":")
        else { throw .invalidClient }
        // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
        guard let id = Self.formDecode(text[..<colon]), let secret = Self.formDecode(text[text.index(after: colon)...])
        else { throw .invalidClient }
        return ClientCredentials(id: ClientID(id), secret: secret)
    }

    private static func formDecode(_ text: Substring) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        return try? FormParameters(parsing: "v=\(text.replacing("&", with: "%26"))").optional("v")
    }
}

/// Decides whether a request comes from the client it names.
package struct ClientAuthenticator: Sendable {
    let registry: ClientRegistry
    private let assertions: ClientAssertionCheck
    private let log: any SecurityEventLog

    package init(registry: ClientRegistry, assertions: ClientAssertionCheck, log: any SecurityEventLog) {
        self.registry = registry
        self.assertions = assertions
        self.log = log
    }

    package func authenticate(_ request: ClientRequest) async throws(OAuthError) -> AuthenticatedClient {
        let credentials = try ClientCredentials.read(authorization: request.authorization, form: request.form)
        guard let assertion = credentials.assertion else {
            return try await authenticate(credentials, from: request.origin, at: request.now)
        }
        let client = try await registry.find(credentials.id, at: request.now)
        if let client,
            try await assertions.accepts(assertion, of: client, in: request)
        {
            return AuthenticatedClient(client)
        }
        try await refuse(
            credentials, isKnown: client != nil, from: request.origin, at: request.now)
    }

    /// An unknown client and a wrong secret are one answer, and cost the same comparison.
    package func authenticate(
        _ credentials: ClientCredentials, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) -> AuthenticatedClient {
        let client = try await registry.find(credentials.id, at: now)
        let presented = SHA256Digest(of: credentials.secret ?? "")
        let matches = (client?.secretDigest ?? Self.nobody).isEqualInConstantTime(to: presented)
        if let client {
            if client.isPublic {
                if credentials.secret == nil { return AuthenticatedClient(client) }
            } else if !client.authenticationMethod.isAssertion, matches, client.secretDigest != nil,
                credentials.secret != nil
            {
                return AuthenticatedClient(client)
            }
        }
        try await refuse(credentials, isKnown: client != nil, from: origin, at: now)
    }

    private func refuse(
        _ credentials: ClientCredentials, isKnown: Bool, from origin: RequestOrigin, at now: Timestamp
    ) async throws(OAuthError) -> Never {
        // An unknown id is the caller's text: it does not reach the log.
        let event = SecurityEvent(
            .clientAuthenticationFailed, at: now, origin: origin, clientID: isKnown ? credentials.id.rawValue : nil,
            reason: Self.reason(credentials, isKnown: isKnown))
        do { try await log.record(event) } catch { throw .serverError(error) }
        throw .invalidClient
    }

    private static func reason(_ credentials: ClientCredentials, isKnown: Bool) -> StaticString {
        guard isKnown else { return "unknown client" }
        return credentials.assertion == nil ? "wrong or missing client secret" : "client assertion refused"
    }

    private static let nobody = SHA256Digest(of: "no client has this secret")
}
