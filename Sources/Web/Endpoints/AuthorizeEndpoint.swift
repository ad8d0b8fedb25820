import Accounts
import HTTPTypes
package import Hummingbird
import Logging
package import OAuth

/// `GET|POST /oauth2/authorize` and the consent that may follow.
package struct AuthorizeEndpoint: Sendable {
    private let authorization: AuthorizationEndpoint
    private let pages: SignInPages
    private let cookies: BrowserCookies
    private let edge: Edge

    package init(authorization: AuthorizationEndpoint, pages: SignInPages, cookies: BrowserCookies, edge: Edge) {
        self.authorization = authorization
        self.pages = pages
        self.cookies = cookies
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.getWithoutHead("/oauth2/authorize", authorize)
        router.post("/oauth2/authorize", use: authorizeByForm)
        router.post("/login/consent", use: consent)
        // Somebody reloads, or opens the address anew: on to where its question is asked.
        router.get("/login/consent") { request, _ in Response.seeOther("/oauth2/authorize?\(request.uri.query ?? "")") }
    }

    @Sendable private func authorize(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let parameters = request.query() else { return malformed(request, context) }
        let proof = try? parameters.optional(Self.signInProof)
        return await respond(request, context, parameters) { checked throws(AuthorizationFailure) in
            try await authorization.step(
                checked, session: cookies.session(of: request),
                hasJustSignedIn: cookies.isSignInProof(proof, request, of: checked),
                from: edge.origin(of: request, context), at: edge.now)
        }
    }

    static let signInProof = "signed_in"

    /// OpenID Connect Core §3.1.2.1 wants POST too. A form on an app's page arrives without our cookies
    /// (`SameSite=Lax`), so the checked request goes on as a GET, which brings them.
    @Sendable private func authorizeByForm(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        // Parameters in two places are two requests (RFC 6749 §3.1 has each once).
        guard let query = request.query(), query.isEmpty, let form = try? await request.form() else {
            return malformed(request, context)
        }
        do throws(AuthorizationFailure) {
            let checked = try await authorization.request(form, from: edge.origin(of: request, context), at: edge.now)
            return .seeOther("/oauth2/authorize?\(checked.query)")
        } catch {
            return refused(error, request, context)
        }
    }

    @Sendable private func consent(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let parameters = request.query(), let form = try? await request.form() else {
            return malformed(request, context)
        }
        guard cookies.browser(of: request) != nil else {
            // A form from elsewhere comes without our cookies, and must not replace them.
            return .seeOther("/oauth2/authorize?\(request.uri.query ?? "")")
        }
        guard cookies.browser(sending: form, request) != nil,
            let session = try? form.optional("session"), let decision = try? form.optional("decision"),
            decision == "allow" || decision == "deny"
        else {
            // Back to where the question is asked, with a form that works.
            return await respond(request, context, parameters, problem: .sessionLost) {
                checked throws(AuthorizationFailure) in
                try await authorization.step(
                    checked, session: cookies.session(of: request), hasJustSignedIn: false,
                    from: edge.origin(of: request, context), at: edge.now)
            }
        }
        return await respond(request, context, parameters) { checked throws(AuthorizationFailure) in
            try await authorization.step(
                checked, session: cookies.session(of: request),
                consent: ConsentDecision(session: SessionID(session), isAllowed: decision == "allow"),
                from: edge.origin(of: request, context), at: edge.now)
        }
    }

    private func respond(
        _ request: Request, _ context: DenwaRequestContext, _ parameters: FormParameters,
        problem: PageProblem? = nil,
        _ decide: (AuthorizationRequest) async throws(AuthorizationFailure) -> AuthorizationStep
    ) async -> Response {
        do throws(AuthorizationFailure) {
            let checked = try await authorization.request(
                parameters, from: edge.origin(of: request, context), at: edge.now)
            if checked.needsOwnAddress { return .seeOther("/oauth2/authorize?\(checked.query)") }
            return show(try await decide(checked), of: checked, request, problem: problem)
        } catch {
            return refused(error, request, context)
        }
    }

    private func show(
        _ step: AuthorizationStep, of checked: AuthorizationRequest, _ request: Request, problem: PageProblem?
    ) -> Response {
        let locale = PageLocale(of: request, uiLocales: checked.uiLocales, client: checked.client)
        let (browser, isNew) = cookies.knownBrowser(of: request)
        let formToken = cookies.formToken(for: browser)
        var response: Response
        switch step {
        case .respond(let answer): return pages.respond(answer, to: checked.client, locale: locale)
        case .signIn(let checked):
            response = pages.phone(checked, locale: locale, formToken: formToken, problem: problem)
        case .chooseAccount(let checked, let session):
            response = pages.choose(checked, session, locale: locale)
        case .consent(let checked, let session):
            response = pages.consent(checked, session, locale: locale, formToken: formToken, problem: problem)
        }
        if isNew { cookies.setBrowser(browser, in: &response) }
        return response
    }

    private func malformed(_ request: Request, _ context: DenwaRequestContext) -> Response {
        refused(
            .shown(.invalidRequest("the parameters are malformed, or in two places"), client: nil), request, context)
    }

    private func refused(
        _ failure: AuthorizationFailure, _ request: Request, _ context: DenwaRequestContext
    ) -> Response {
        pages.refused(failure, request, context)
    }
}

extension SignInPages {
    /// An answer on its way to the app.
    func respond(_ answer: AuthorizationResponse, to client: Client, locale: PageLocale) -> Response {
        switch answer {
        case .redirect(let location): .seeOther(location)
        case .formPost(let uri, let fields): formPost(uri, fields, locale: locale, client: client)
        }
    }

    /// A signed-in browser goes on with the authorization request, unless the app has to hear something first.
    func afterSignIn(
        _ checked: AuthorizationRequest, _ answer: AuthorizationResponse?, proof: String, _ request: Request
    ) -> Response {
        guard let answer else {
            return .seeOther(
                "/oauth2/authorize?\(checked.queryAfterSignIn)&\(AuthorizeEndpoint.signInProof)=\(proof)")
        }
        return respond(
            answer, to: checked.client,
            locale: PageLocale(of: request, uiLocales: checked.uiLocales, client: checked.client))
    }

    /// The app hears what is wrong with its request, unless it could not be told from a stranger: then the
    /// person does.
    func refused(_ failure: AuthorizationFailure, _ request: Request, _ context: DenwaRequestContext) -> Response {
        if let cause = failure.error.cause {
            context.logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
        }
        let locale = PageLocale(of: request)
        switch failure {
        case .shown(let error, let client):
            return self.error(error, locale: locale, client: client, requestID: context.requestID)
        // RFC 9700 §4.11.2: nobody is sent to where a stranger points before they did something here.
        case .redirected(let error, let target) where target.client.isSelfDescribed:
            return self.error(error, locale: locale, client: nil, requestID: context.requestID)
        case .redirected(let error, let target):
            switch target.response(error) {
            case .redirect(let location): return .seeOther(location)
            case .formPost(let uri, let fields):
                return formPost(uri, fields, locale: locale, client: target.client)
            }
        }
    }
}
