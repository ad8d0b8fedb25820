package import Accounts
import Cryptography
package import DeveloperLog
package import Time

/// A wish to sign out (OpenID Connect RP-Initiated Logout §2), checked.
package struct EndSessionRequest: Sendable {
    /// The app that asks, when it says or proves which one it is.
    package let client: Client?
    let hint: IDTokenHints.Hint?
    /// Where the browser goes afterwards, with `state`: registered for the client.
    package let redirect: String?
    package let uiLocales: [String]
    /// What came, to be sent again with the person's yes.
    package let parameters: [(name: String, value: String)]
}

/// The end-session endpoint without its HTTP and its pages.
package struct EndSessionEndpoint: Sendable {
    private let registry: ClientRegistry
    private let store: any SessionStore
    private let hints: IDTokenHints
    private let subjects: SubjectIdentifiers

    package init(
        registry: ClientRegistry, store: any SessionStore, hints: IDTokenHints, subjects: SubjectIdentifiers
    ) {
        self.registry = registry
        self.store = store
        self.hints = hints
        self.subjects = subjects
    }

    private static let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"]

    package func request(_ form: FormParameters, at now: Timestamp) async throws(OAuthError) -> EndSessionRequest {
        var parameters: [(name: String, value: String)] = []
        for name in Self.names {
            if let value = try form.value(name) { parameters.append((name, value)) }
        }
        let given = try form.value("id_token_hint")
        let hint = given.flatMap { hints.read($0, at: now) }
        if given != nil, hint == nil { throw .invalidRequest("id_token_hint is not an ID token of this server") }
        let named = try form.value("client_id").map { ClientID($0) }
        if let named, let hint, named != hint.client {
            throw .invalidRequest("client_id is not the client of id_token_hint")
        }
        let client: Client? = if let id = hint?.client ?? named { try await registry.recall(id, at: now) } else { nil }
        if named != nil, client == nil { throw .invalidRequest("client_id is unknown") }
        // RFC 9700 §4.11.2: where a stranger's app points, only its own ID token leads.
        let mayRedirect = client?.isSelfDescribed != true || hint != nil
        let redirect = try redirect(form, client: client)
        return EndSessionRequest(
            client: client, hint: hint, redirect: mayRedirect ? redirect : nil,
            uiLocales: try form.value("ui_locales")?.split(separator: " ").prefix(10).map(String.init) ?? [],
            parameters: parameters)
    }

    private func redirect(_ form: FormParameters, client: Client?) throws(OAuthError) -> String? {
        guard let requested = try form.value("post_logout_redirect_uri") else { return nil }
        guard let client else { throw .invalidRequest("post_logout_redirect_uri needs id_token_hint or client_id") }
        guard let uri = client.postLogoutRedirectURIs.first(where: { $0.isExactly(requested) }) else {
            throw .invalidRequest("post_logout_redirect_uri is not registered for this client")
        }
        guard let state = try form.value("state") else { return uri.text }
        return uri.appending([("state", state)])
    }

    /// Ends the session that the cookie stands for: at once when the app showed that it is about this person,
    /// else only with the person's own yes. Anybody can send a browser here.
    package func end(
        _ request: EndSessionRequest, session token: String?, isConfirmed: Bool, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(OAuthError) -> SessionEnding {
        guard let token else { return .none }
        let subjects = subjects
        do {
            return try await store.endSession(
                SHA256Digest(of: token),
                if: { session in
                    if isConfirmed { return true }
                    guard let hint = request.hint, let client = request.client else { return false }
                    return hint.session == subjects.session(session.id, for: client)
                        || hint.subject == subjects.subject(of: session.account, for: client)
                }, from: origin, at: now)
        } catch {
            throw .serverError(error)
        }
    }
}
