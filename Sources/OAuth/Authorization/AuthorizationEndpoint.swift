package import Accounts
package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

/// What the browser gets next.
package enum AuthorizationStep: Sendable {
    /// Nobody is signed in, or not freshly enough.
    case signIn(AuthorizationRequest)
    case chooseAccount(AuthorizationRequest, Session)
    case consent(AuthorizationRequest, Session)
    case respond(AuthorizationResponse)
}

/// The person's answer on the consent page.
package struct ConsentDecision: Sendable {
    /// The session that the page was shown to: an answer is for whom it asked.
    package let session: SessionID
    package let isAllowed: Bool

    package init(session: SessionID, isAllowed: Bool) {
        self.session = session
        self.isAllowed = isAllowed
    }
}

/// The authorization endpoint (RFC 6749 §3.1) without its HTTP and its pages.
package struct AuthorizationEndpoint: Sendable {
    private let requests: AuthorizationRequestReader
    private let store: any AuthorizationStore
    private let log: any SecurityEventLog
    private let subjects: SubjectIdentifiers
    private let settings: TokenSettings
    private let sessions: SessionSettings
    private let limitPerSession: Limit?
    private let entropy: Entropy

    package init(
        requests: AuthorizationRequestReader, store: any AuthorizationStore, log: any SecurityEventLog,
        subjects: SubjectIdentifiers, settings: TokenSettings, sessions: SessionSettings, limitPerSession: Limit?,
        entropy: Entropy
    ) {
        self.requests = requests
        self.store = store
        self.log = log
        self.subjects = subjects
        self.settings = settings
        self.sessions = sessions
        self.limitPerSession = limitPerSession
        self.entropy = entropy
    }

    /// Checks a request. A redirect URI that is not registered is told to the developer log too: it is either a
    /// slip in the registration or somebody fishing.
    package func request(
        _ parameters: FormParameters, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AuthorizationFailure) -> AuthorizationRequest {
        do throws(AuthorizationFailure) {
            return try await requests.read(parameters, at: now)
        } catch {
            if case .shown(let problem, let client?) = error, problem.isAboutRedirect {
                let event = SecurityEvent(
                    .redirectRefused, at: now, origin: origin, clientID: client.id.rawValue,
                    reason: "redirect_uri is not registered, missing or repeated")
                do { try await log.record(event) } catch { throw .shown(.serverError(error), client: client) }
            }
            throw error
        }
    }

    /// Decides what comes next, with the session that the browser's cookie may stand for.
    ///
    /// - Parameter hasJustSignedIn: the person signed in for this very request a moment ago.
    package func step(
        _ request: AuthorizationRequest, session token: String?, hasJustSignedIn: Bool, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(AuthorizationFailure) -> AuthorizationStep {
        guard let token else { return ask(.signIn, of: request, session: nil) }
        let code = entropy.token()
        let subjects = subjects
        let attempt = attempt(
            request, session: token, code: code, isConsentGiven: false,
            interaction: { session, consented in
                request.interaction(
                    session: session, consented: consented, hasJustSignedIn: hasJustSignedIn, subjects: subjects,
                    at: now)
            }, at: now)
        return try await perform(attempt, code: code, of: request, from: origin, at: now)
    }

    /// Takes the person's answer. Whoever signed in or out meanwhile is asked again.
    package func step(
        _ request: AuthorizationRequest, session token: String?, consent decision: ConsentDecision,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AuthorizationFailure) -> AuthorizationStep {
        guard decision.isAllowed else {
            return .respond(request.target.response(OAuthError(.accessDenied, "the person did not agree")))
        }
        guard let token else { return ask(.signIn, of: request, session: nil) }
        let code = entropy.token()
        let attempt = attempt(
            request, session: token, code: code, isConsentGiven: true,
            interaction: { session, _ in
                guard session.maySignIn(to: request.client, at: now) else { return .signIn }
                return session.id == decision.session ? nil : .consent
            }, at: now)
        return try await perform(attempt, code: code, of: request, from: origin, at: now)
    }

    /// Where a browser goes that has just signed in. An app that expected somebody else hears that this person
    /// is not there (OpenID Connect Core §3.1.2.1, `id_token_hint`).
    package func afterSignIn(_ request: AuthorizationRequest, as account: AccountID) -> AuthorizationResponse? {
        guard let expected = request.expectedSubject, expected != subjects.subject(of: account, for: request.client)
        else { return nil }
        return request.target.response(OAuthError(.loginRequired, "somebody else signed in"))
    }

    private func attempt(
        _ request: AuthorizationRequest, session token: String, code: String, isConsentGiven: Bool,
        interaction: @escaping @Sendable (Session, Scope?) -> Interaction?, at now: Timestamp
    ) -> AuthorizationAttempt {
        let limit = limitPerSession
        return AuthorizationAttempt(
            session: SHA256Digest(of: token), idleUntil: now.adding(seconds: sessions.idleLifetimeSeconds),
            authorization: NewAuthorization(
                client: request.client.id, scope: request.scope, resources: request.resources,
                redirect: request.target.redirect, codeChallenge: request.codeChallenge,
                keyThumbprint: request.keyThumbprint, nonce: request.nonce, grant: GrantID(entropy.identifier(at: now)),
                code: SHA256Digest(of: code), expiresAt: now.adding(seconds: settings.codeLifetimeSeconds),
                once: request.envelope?.once, isToldOfLogout: request.client.backchannelLogoutURI != nil),
            isConsentGiven: isConsentGiven,
            charge: { LimitCharge(.authorizePerSession, limit, subject: $0.id.rawValue) }, interaction: interaction)
    }

    private func perform(
        _ attempt: AuthorizationAttempt, code: String, of request: AuthorizationRequest,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AuthorizationFailure) -> AuthorizationStep {
        let outcome: AuthorizationOutcome
        do { outcome = try await store.authorize(attempt, from: origin, at: now) } catch {
            throw .redirected(.serverError(error), to: request.target)
        }
        switch outcome {
        case .issued: return .respond(request.target.response(code: code))
        case .limited(let refusal):
            let error = OAuthError(
                .temporarilyUnavailable, "too many requests from this browser, try again later", limit: refusal)
            throw .redirected(error, to: request.target)
        case .requestUsed:
            throw .shown(
                OAuthError(.invalidRequestURI, "the request was already used"), client: request.client)
        case .signedOut: return ask(.signIn, of: request, session: nil)
        case .interaction(let interaction, let session): return ask(interaction, of: request, session: session)
        }
    }

    private func ask(
        _ interaction: Interaction, of request: AuthorizationRequest, session: Session?
    ) -> AuthorizationStep {
        guard !request.prompt.contains(.none) else { return .respond(request.target.response(interaction.refusal)) }
        switch (interaction, session) {
        case (.consent, let session?): return .consent(request, session)
        case (.chooseAccount, let session?): return .chooseAccount(request, session)
        default: return .signIn(request)
        }
    }
}

extension OAuthError {
    /// What somebody fishing for codes would cause.
    fileprivate var isAboutRedirect: Bool { code == .invalidRequest }
}
