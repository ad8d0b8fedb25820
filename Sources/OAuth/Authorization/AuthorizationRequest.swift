import Accounts
import Cryptography
import Time

/// What an app asks of the person's browser (OpenID Connect Core §3.1.2.1, `prompt`).
package enum Prompt: String, Sendable, CaseIterable {
    case none, login, consent
    case selectAccount = "select_account"
}

/// An authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1), checked.
///
/// A plain one is not stored: every page of a sign-in carries the request along in its own address, and every
/// step checks it again. A visitor who never types a number costs the database nothing, and a change of the
/// client's registration counts at once.
package struct AuthorizationRequest: Sendable {
    package let target: AuthorizationTarget
    package let scope: Scope
    package let resources: Resources
    package let codeChallenge: CodeChallenge?
    /// Of the key that the code is bound to (RFC 9449 §10).
    package let keyThumbprint: String?
    package let nonce: String?
    package let prompt: Set<Prompt>
    package let maxAgeSeconds: Int?
    package let loginHint: String?
    package let uiLocales: [String]
    /// Whom the app believes to be signed in: the `sub` of its ID token.
    package let expectedSubject: String?
    package var client: Client { target.client }
    /// What came, name by name, to be carried along.
    let carried: [(name: String, value: String)]
    /// `nil` for a request that came as plain parameters.
    let envelope: RequestEnvelope?

    /// Parameters that mean something here, in the order they are carried along.
    static let carriedNames = [
        "client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method", "response_mode", "prompt", "max_age", "login_hint", "ui_locales", "acr_values",
        "id_token_hint", "dpop_jkt", "resource",
    ]

    /// The request as a query.
    package var query: String { query(carried) }

    /// A pushed or signed request goes on under an address of its own, where it can be loaded again.
    package var needsOwnAddress: Bool { envelope?.isNew == true }

    /// The request with the wish for a fresh sign-in fulfilled: what is left to do after one.
    package var queryAfterSignIn: String {
        let rest = prompt.subtracting([.login, .selectAccount]).map(\.rawValue).sorted().joined(separator: " ")
        return query(
            carried.compactMap { parameter in
                switch parameter.name {
                case "max_age", "login_hint": nil
                case "prompt": rest.isEmpty ? nil : ("prompt", rest)
                default: parameter
                }
            })
    }

    private func query(_ parameters: [(name: String, value: String)]) -> String {
        if let envelope { return envelope.query(parameters, client: client.id) }
        return parameters.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }
}

// MARK: - Checking

/// RFC 6749 §4.1.2.1: when the client or its redirect URI cannot be trusted, the person is told, not the URI.
package enum AuthorizationFailure: Error, Sendable {
    case shown(OAuthError, client: Client?)
    case redirected(OAuthError, to: AuthorizationTarget)

    package var error: OAuthError {
        switch self {
        case .shown(let error, _), .redirected(let error, _): error
        }
    }
}

extension AuthorizationRequest {
    init(
        checking parameters: FormParameters, in envelope: RequestEnvelope? = nil, of client: Client, issuer: Issuer,
        hints: IDTokenHints, at now: Timestamp
    ) throws(AuthorizationFailure) {
        let target = try Self.target(of: parameters, client: client, issuer: issuer)
        do throws(OAuthError) {
            self = try Self.checked(parameters, in: envelope, target: target, hints: hints, at: now)
        } catch {
            throw .redirected(error, to: target)
        }
    }

    static func client(
        of parameters: FormParameters, _ registry: ClientRegistry, at now: Timestamp
    ) async throws(AuthorizationFailure) -> Client {
        do throws(OAuthError) {
            let id = try parameters.required("client_id", "client_id is missing")
            guard let client = try await registry.find(ClientID(id), at: now) else {
                throw .invalidRequest("client_id is unknown")
            }
            return client
        } catch {
            throw .shown(error, client: nil)
        }
    }

    private static func target(
        of parameters: FormParameters, client: Client, issuer: Issuer
    ) throws(AuthorizationFailure) -> AuthorizationTarget {
        let redirect: VerifiedRedirect
        do throws(OAuthError) {
            let requested = try parameters.value("redirect_uri")
            do throws(RedirectFailure) { redirect = try client.verifyRedirect(requested) } catch {
                throw error == .missing
                    ? .invalidRequest("redirect_uri is missing")
                    : .invalidRequest("redirect_uri is not registered for this client")
            }
        } catch {
            throw .shown(error, client: client)
        }
        // A state or response_mode that is itself wrong cannot shape the answer that says so.
        let state = try? parameters.value("state")
        let mode = (try? parameters.value("response_mode")).flatMap { $0 }.flatMap(ResponseMode.init)
        return AuthorizationTarget(
            client: client, redirect: redirect, state: state, mode: mode ?? .query, issuer: issuer)
    }

    private static func checked(
        _ parameters: FormParameters, in envelope: RequestEnvelope?, target: AuthorizationTarget, hints: IDTokenHints,
        at now: Timestamp
    ) throws(OAuthError) -> AuthorizationRequest {
        let client = target.client
        let carried = try carried(parameters)
        try refuseUnsupported(parameters)
        try checkEnvelope(envelope, client: client)
        guard client.grantTypes.contains(.authorizationCode) else {
            throw .unauthorizedClient("the client is not registered for this flow")
        }
        let challenge = try codeChallenge(of: parameters, client: client)
        try checkState(target.state, hasChallenge: challenge != nil)
        let hint = try parameters.value("id_token_hint")
        let expectedSubject = try hint.map { hint throws(OAuthError) in
            guard let claims = hints.read(hint, at: now), claims.client == client.id else {
                throw .invalidRequest("id_token_hint is not an ID token of this client")
            }
            return claims.subject
        }
        try checkAuthenticationContext(parameters)
        return AuthorizationRequest(
            target: target, scope: try scope(of: parameters, client: client),
            resources: try Resources(parameters, for: client), codeChallenge: challenge,
            keyThumbprint: try keyThumbprint(of: parameters), nonce: try nonce(of: parameters),
            prompt: try prompt(of: parameters), maxAgeSeconds: try maxAge(of: parameters),
            loginHint: try parameters.value("login_hint"),
            uiLocales: try parameters.value("ui_locales")?.split(separator: " ").prefix(10).map(String.init) ?? [],
            expectedSubject: expectedSubject, carried: carried, envelope: envelope)
    }

    private static func refuseUnsupported(_ parameters: FormParameters) throws(OAuthError) {
        if try parameters.value("registration") != nil {
            throw OAuthError(.registrationNotSupported, "registration is not supported")
        }
        let type = try parameters.required("response_type", "response_type is missing")
        guard type == "code" else {
            throw OAuthError(.unsupportedResponseType, "response_type must be code")
        }
        if let mode = try parameters.value("response_mode"), ResponseMode(rawValue: mode) == nil {
            throw .invalidRequest("response_mode must be query or form_post")
        }
    }

    private static func carried(
        _ parameters: FormParameters
    ) throws(OAuthError) -> [(name: String, value: String)] {
        var carried: [(name: String, value: String)] = []
        for name in carriedNames where name != "resource" {
            if let value = try parameters.value(name) { carried.append((name, value)) }
        }
        return carried + parameters.values("resource").map { ("resource", $0) }
    }

    /// A client that promised to push or to sign is not believed without (RFC 9126 §6, RFC 9101 §10.5).
    private static func checkEnvelope(_ envelope: RequestEnvelope?, client: Client) throws(OAuthError) {
        if client.requiresPushedRequests, envelope?.isPushed != true {
            throw .invalidRequest("this client's requests must be pushed")
        }
        if client.requiresSignedRequests, envelope?.isSigned != true {
            throw .invalidRequest("this client's requests must be signed")
        }
    }

    /// RFC 9470 §5: who asks for more than there is hears so, instead of getting less.
    package static func checkAuthenticationContext(_ parameters: FormParameters) throws(OAuthError) {
        let classes = try parameters.value("acr_values")?.split(separator: " ") ?? []
        guard classes.isEmpty || classes.contains(where: { AuthenticationContext(rawValue: String($0)) != nil }) else {
            throw OAuthError(.unmetAuthenticationRequirements, "none of acr_values can be met here")
        }
    }

    package static func nonce(of parameters: FormParameters) throws(OAuthError) -> String? {
        guard let nonce = try parameters.value("nonce") else { return nil }
        guard nonce.utf8.count <= 1024, !nonce.hasControls else {
            throw .invalidRequest("nonce is longer than 1024 bytes, or holds control characters")
        }
        return nonce
    }

    package static func keyThumbprint(of parameters: FormParameters) throws(OAuthError) -> String? {
        guard let text = try parameters.value("dpop_jkt") else { return nil }
        guard text.utf8.count == 43, Base64URL.decode(text)?.count == 32 else {
            throw .invalidRequest("dpop_jkt is not a SHA-256 thumbprint")
        }
        return text
    }

    /// RFC 9700 §2.1.1: public clients must use PKCE. `plain` does not exist here, so the method must be named.
    package static func codeChallenge(
        of parameters: FormParameters, client: Client
    ) throws(OAuthError) -> CodeChallenge? {
        let method = try parameters.value("code_challenge_method")
        guard let text = try parameters.value("code_challenge") else {
            guard method == nil, !client.isPublic, !client.requiresPKCE else {
                throw .invalidRequest("code_challenge is missing")
            }
            return nil
        }
        guard method == "S256" else { throw .invalidRequest("code_challenge_method must be S256") }
        guard let challenge = CodeChallenge(text) else { throw .invalidRequest("code_challenge is malformed") }
        return challenge
    }

    /// Without PKCE the state is all that keeps a stranger's code out of somebody's session (RFC 9700 §4.7.1).
    private static func checkState(_ state: String?, hasChallenge: Bool) throws(OAuthError) {
        guard let state else {
            if !hasChallenge { throw .invalidRequest("state is missing, or PKCE in its place") }
            return
        }
        guard state.unicodeScalars.count >= 8 else { throw .invalidRequest("state is shorter than 8 characters") }
        // A form would not bring line breaks back as they were (HTML §4.10.21.4).
        guard state.utf8.count <= 1024, !state.hasControls else {
            throw .invalidRequest("state is longer than 1024 bytes, or holds control characters")
        }
    }

    package static func scope(of parameters: FormParameters, client: Client) throws(OAuthError) -> Scope {
        guard let scope = Scope(try parameters.value("scope") ?? "") else { throw .invalidScope("scope is malformed") }
        guard client.scope.map(scope.isSubset) ?? true else {
            throw .invalidScope("scope exceeds what the client is registered for")
        }
        return scope
    }

    private static func prompt(of parameters: FormParameters) throws(OAuthError) -> Set<Prompt> {
        let words = try parameters.value("prompt")?.split(separator: " ").map(String.init) ?? []
        guard !words.contains(Prompt.none.rawValue) || words.count == 1 else {
            throw .invalidRequest("prompt none excludes every other value")
        }
        return Set(words.compactMap(Prompt.init))
    }

    package static func maxAge(of parameters: FormParameters) throws(OAuthError) -> Int? {
        guard let text = try parameters.value("max_age") else { return nil }
        guard text.utf8.count <= 9, text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
            let seconds = Int(text)
        else { throw .invalidRequest("max_age is not a number of seconds") }
        return seconds
    }
}

extension String {
    fileprivate var hasControls: Bool { utf8.contains { $0 < 0x20 || $0 == 0x7F } }
}
