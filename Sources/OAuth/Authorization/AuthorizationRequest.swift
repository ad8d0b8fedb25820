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
/// Nothing of it is stored: every page of a sign-in carries the request along in its own address, and every
/// step checks it again. A visitor who never types a number costs the database nothing, and a change of the
/// client's registration counts at once.
package struct AuthorizationRequest: Sendable {
    package let target: AuthorizationTarget
    package let scope: Scope
    package let codeChallenge: CodeChallenge?
    package let nonce: String?
    package let prompt: Set<Prompt>
    package let maxAgeSeconds: Int?
    package let loginHint: String?
    package let uiLocales: [String]
    /// Whom the app believes to be signed in: the `sub` of its ID token.
    package let expectedSubject: String?
    package var client: Client { target.client }
    /// What came, name by name, to be carried along.
    private let carried: [(name: String, value: String)]

    /// Parameters that mean something here, in the order they are carried along.
    private static let carriedNames = [
        "client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method", "response_mode", "prompt", "max_age", "login_hint", "ui_locales", "acr_values",
        "id_token_hint",
    ]

    /// The request as a query.
    package var query: String { Self.encode(carried) }

    /// The request with the wish for a fresh sign-in fulfilled: what is left to do after one.
    package var queryAfterSignIn: String {
        let rest = prompt.subtracting([.login, .selectAccount]).map(\.rawValue).sorted().joined(separator: " ")
        return Self.encode(
            carried.compactMap { parameter in
                switch parameter.name {
                case "max_age", "login_hint": nil
                case "prompt": rest.isEmpty ? nil : ("prompt", rest)
                default: parameter
                }
            })
    }

    private static func encode(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
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
        checking parameters: FormParameters, registry: ClientRegistry, issuer: Issuer, hints: IDTokenHints,
        at now: Timestamp
    ) throws(AuthorizationFailure) {
        let client = try Self.client(of: parameters, registry)
        let target = try Self.target(of: parameters, client: client, issuer: issuer)
        do throws(OAuthError) {
            self = try Self.checked(parameters, client: client, target: target, hints: hints, at: now)
        } catch {
            throw .redirected(error, to: target)
        }
    }

    private static func client(
        of parameters: FormParameters, _ registry: ClientRegistry
    ) throws(AuthorizationFailure) -> Client {
        do throws(OAuthError) {
            let id = try parameters.required("client_id", "client_id is missing")
            guard let client = registry[ClientID(id)] else { throw .invalidRequest("client_id is unknown") }
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
        _ parameters: FormParameters, client: Client, target: AuthorizationTarget, hints: IDTokenHints,
        at now: Timestamp
    ) throws(OAuthError) -> AuthorizationRequest {
        var carried: [(name: String, value: String)] = []
        for name in carriedNames {
            if let value = try parameters.value(name) { carried.append((name, value)) }
        }
        try refuseUnsupported(parameters)
        guard client.grantTypes.contains(.authorizationCode) else {
            throw .unauthorizedClient("the client is not registered for this flow")
        }
        let challenge = try codeChallenge(of: parameters, client: client)
        try checkState(target.state, hasChallenge: challenge != nil)
        if let nonce = try parameters.value("nonce"), nonce.utf8.count > 1024 || nonce.hasControls {
            throw .invalidRequest("nonce is longer than 1024 bytes, or holds control characters")
        }
        let hint = try parameters.value("id_token_hint")
        let expectedSubject = try hint.map { hint throws(OAuthError) in
            guard let claims = hints.read(hint, at: now), claims.client == client.id else {
                throw .invalidRequest("id_token_hint is not an ID token of this client")
            }
            return claims.subject
        }
        return AuthorizationRequest(
            target: target, scope: try scope(of: parameters, client: client),
            codeChallenge: challenge, nonce: try parameters.value("nonce"),
            prompt: try prompt(of: parameters), maxAgeSeconds: try maxAge(of: parameters),
            loginHint: try parameters.value("login_hint"),
            uiLocales: try parameters.value("ui_locales")?.split(separator: " ").prefix(10).map(String.init) ?? [],
            expectedSubject: expectedSubject, carried: carried)
    }

    private static func refuseUnsupported(_ parameters: FormParameters) throws(OAuthError) {
        if try parameters.value("request") != nil {
            throw OAuthError(.requestNotSupported, "request is not supported")
        }
        if try parameters.value("request_uri") != nil {
            throw OAuthError(.requestURINotSupported, "request_uri is not supported")
        }
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

    /// RFC 9700 §2.1.1: public clients must use PKCE. `plain` does not exist here, so the method must be named.
    private static func codeChallenge(
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

    private static func scope(of parameters: FormParameters, client: Client) throws(OAuthError) -> Scope {
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

    private static func maxAge(of parameters: FormParameters) throws(OAuthError) -> Int? {
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
