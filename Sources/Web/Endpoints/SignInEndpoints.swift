import DeveloperLog
import HTTPTypes
package import Hummingbird
import JOSE
import Logging
package import OAuth
package import PhoneLogin
import RateLimiting
import ServiceLifecycle
import Time

/// `/login…`: the number, the code, another text, and the wait for the link.
package struct SignInEndpoints: Sendable {
    private let authorization: AuthorizationEndpoint
    private let flow: PhoneLoginFlow
    private let pages: SignInPages
    private let cookies: BrowserCookies
    private let tokens: SignInToken
    private let edge: Edge

    package init(
        authorization: AuthorizationEndpoint, flow: PhoneLoginFlow, pages: SignInPages, cookies: BrowserCookies,
        tokens: SignInToken, edge: Edge
    ) {
        self.authorization = authorization
        self.flow = flow
        self.pages = pages
        self.cookies = cookies
        self.tokens = tokens
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/login") { request, context in await showNumber(request, context) }
        router.post("/login") { request, context in await sendText(request, context) }
        router.get("/login/code") { request, context in await showCode(request, context) }
        router.post("/login/code") { request, context in await takeCode(request, context) }
        router.post("/login/resend") { request, context in await resend(request, context) }
        router.post("/login/finish") { request, context in await finish(request, context) }
        // Somebody reloads, or opens the address anew: on to where the form is.
        for path in ["/login/resend", "/login/finish"] as [RouterPath] {
            router.get(path) { request, _ in Response.seeOther("/login/code?\(request.uri.query ?? "")") }
        }
        router.getWithoutHead("/login/wait") { request, context in await wait(request, context) }
    }

    // MARK: - The number

    private func showNumber(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await visit(request, context) { visit in
            let (browser, isNew) = cookies.knownBrowser(of: request)
            let isLost = request.query()?.has("lost") == true
            var response = pages.phone(
                visit.request, locale: visit.locale, formToken: cookies.formToken(for: browser),
                problem: isLost ? .sessionLost : nil)
            if isNew { cookies.setBrowser(browser, in: &response) }
            return response
        }
    }

    private func sendText(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submission(request, context) { form, browser, visit in
            let number = (try? form.optional("phone_number")) ?? ""
            let region = try? form.optional("country")
            do throws(PhoneLoginError) {
                let signIn = try await flow.start(
                    start(number, region: region, browser: browser, visit, request), from: visit.origin, at: visit.now)
                return .seeOther(codeAddress(visit.request, signIn, browser: browser))
            } catch {
                return pages.phone(
                    visit.request, locale: visit.locale, formToken: cookies.formToken(for: browser), number: number,
                    region: region, problem: error.phonePageProblem(context.logger))
            }
        }
    }

    private func start(
        _ number: String, region: String?, browser: String, _ visit: Visit, _ request: Request
    ) -> BrowserSignInRequest {
        BrowserSignInRequest(
            client: visit.request.client, number: number, region: region, browser: browser,
            continuation: visit.request.queryAfterSignIn, locales: visit.locale.wishes,
            askingDevice: AskingDevice.description(userAgent: request.headers[.userAgent]),
            deviceIDs: cookies.deviceIDs(of: request))
    }

    private func codeAddress(
        _ request: AuthorizationRequest, _ signIn: BrowserSignIn, browser: String, isResent: Bool = false
    ) -> String {
        "/login/code?\(request.query)&login_flow=\(tokens.seal(signIn, browser: browser))\(isResent ? "&resent=1" : "")"
    }

    // MARK: - The code

    private func showCode(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await visit(request, context) { visit in
            guard let query = request.query(), let flow = try? query.optional("login_flow"),
                let browser = cookies.browser(of: request), let signIn = open(flow, browser: browser, of: visit)
            else { return .seeOther("/login?\(visit.request.query)") }
            return pages.code(
                visit.request, signIn, flow: flow, locale: visit.locale,
                formToken: cookies.formToken(for: browser), isResent: query.has("resent"), at: visit.now)
        }
    }

    private func takeCode(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await signInSubmission(request, context) { form, signIn, browser, visit throws(PhoneLoginError) in
            let code = (try? form.optional("code")) ?? ""
            return try await flow.signIn(
                signIn, code: code, with: credentials(browser, request), from: visit.origin, at: visit.now)
        }
    }

    private func finish(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await signInSubmission(request, context, problemWhenUnknown: "link_waiting") {
            _, signIn, browser, visit throws(PhoneLoginError) in
            try await flow.signInByLink(
                signIn, with: credentials(browser, request), from: visit.origin, at: visit.now)
        }
    }

    private func resend(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submission(request, context) { form, browser, visit in
            guard let token = try? form.optional("login_flow"), let signIn = open(token, browser: browser, of: visit)
            else { return .seeOther("/login?\(visit.request.query)") }
            do throws(PhoneLoginError) {
                let again = try await flow.start(
                    start(signIn.number, region: nil, browser: browser, visit, request), from: visit.origin,
                    at: visit.now)
                return .seeOther(codeAddress(visit.request, again, browser: browser, isResent: true))
            } catch {
                return codePage(signIn, token, browser, visit, problem: error.codePageProblem(context.logger))
            }
        }
    }

    private func credentials(_ browser: String, _ request: Request) -> BrowserCredentials {
        BrowserCredentials(
            browser: browser, session: cookies.session(of: request), deviceIDs: cookies.deviceIDs(of: request),
            device: AskingDevice.description(userAgent: request.headers[.userAgent]))
    }

    private func codePage(
        _ signIn: BrowserSignIn, _ token: String, _ browser: String, _ visit: Visit, problem: PageProblem
    ) -> Response {
        pages.code(
            visit.request, signIn, flow: token, locale: visit.locale, formToken: cookies.formToken(for: browser),
            problem: problem, at: visit.now)
    }

    /// A form that may sign the browser in: the session changes, and the authorization request goes on.
    private func signInSubmission(
        _ request: Request, _ context: DenwaRequestContext, problemWhenUnknown: String? = nil,
        _ signIn: (FormParameters, BrowserSignIn, String, Visit) async throws(PhoneLoginError) -> BrowserSignedIn
    ) async -> Response {
        await submission(request, context) { form, browser, visit in
            guard let token = try? form.optional("login_flow"), let known = open(token, browser: browser, of: visit)
            else { return .seeOther("/login?\(visit.request.query)") }
            do throws(PhoneLoginError) {
                let signedIn = try await signIn(form, known, browser, visit)
                return proceed(signedIn, visit, request)
            } catch {
                var problem = error.codePageProblem(context.logger)
                if let problemWhenUnknown, case .operationUnknown = error, visit.now < known.expiresAt {
                    problem = PageProblem(key: problemWhenUnknown, status: .conflict)
                }
                return codePage(known, token, browser, visit, problem: problem)
            }
        }
    }

    private func proceed(_ signedIn: BrowserSignedIn, _ visit: Visit, _ request: Request) -> Response {
        var response = pages.afterSignIn(
            visit.request, authorization.afterSignIn(visit.request, as: signedIn.account),
            proof: cookies.signInProof(session: signedIn.sessionToken, query: visit.request.queryAfterSignIn), request)
        cookies.setSession(signedIn.sessionToken, in: &response)
        cookies.addDevice(signedIn.deviceID, to: cookies.deviceIDs(of: request), in: &response)
        return response
    }

    // MARK: - The link

    /// The page's long poll. It tells how the link was answered and nothing else; the sign-in is the form's.
    private func wait(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let token = try? request.query()?.optional("login_flow"), let browser = cookies.browser(of: request),
            let signIn = tokens.open(token, browser: browser)
        else { return .json(.ok, ["state": "gone"]) }
        do throws(PhoneLoginError) {
            let (origin, now) = (edge.origin(of: request, context), edge.now)
            let state = try await untilShutdown { () throws(PhoneLoginError) in
                try await flow.awaitApproval(of: signIn, browser: browser, from: origin, at: now)
            }
            return .json(.ok, ["state": .string(state.name)])
        } catch {
            return error.response(logger: context.logger)
        }
    }

    // MARK: - Every request

    /// What each of these pages begins with: the authorization request it belongs to, checked again.
    struct Visit {
        let request: AuthorizationRequest
        let locale: PageLocale
        let origin: RequestOrigin
        let now: Timestamp
    }

    private func visit(
        _ request: Request, _ context: DenwaRequestContext, _ body: (Visit) async -> Response
    ) async -> Response {
        guard let parameters = request.query() else {
            return pages.refused(
                .shown(.invalidRequest("the parameters are malformed"), client: nil), request, context)
        }
        let (origin, now) = (edge.origin(of: request, context), edge.now)
        do throws(AuthorizationFailure) {
            let checked = try await authorization.request(parameters, from: origin, at: now)
            let locale = PageLocale(of: request, uiLocales: checked.uiLocales, client: checked.client)
            return await body(Visit(request: checked, locale: locale, origin: origin, now: now))
        } catch {
            return pages.refused(error, request, context)
        }
    }

    /// A form of one of our pages. One that is not, or whose cookie is gone, gets the first page again, with a form
    /// that works.
    private func submission(
        _ request: Request, _ context: DenwaRequestContext,
        _ body: (FormParameters, _ browser: String, Visit) async -> Response
    ) async -> Response {
        await visit(request, context) { visit in
            let form: FormParameters
            do throws(BodyFailure) { form = try await request.form() } catch {
                return pages.error(
                    error.oauthError, locale: visit.locale, client: visit.request.client, requestID: context.requestID)
            }
            guard let browser = cookies.browser(sending: form, request) else {
                // A form from elsewhere comes without our cookies, and must not replace them: the page itself brings
                // or makes them.
                guard let known = cookies.browser(of: request) else {
                    return .seeOther("/login?\(visit.request.query)&lost=1")
                }
                return pages.phone(
                    visit.request, locale: visit.locale, formToken: cookies.formToken(for: known),
                    problem: .sessionLost)
            }
            return await body(form, browser, visit)
        }
    }

    private func open(_ token: String, browser: String, of visit: Visit) -> BrowserSignIn? {
        guard let signIn = tokens.open(token, browser: browser), signIn.client == visit.request.client.id else {
            return nil
        }
        return signIn
    }
}

extension LinkState {
    fileprivate var name: String {
        switch self {
        case .waiting: "waiting"
        case .approved: "approved"
        case .denied: "denied"
        case .finished: "finished"
        case .gone, .limited: "gone"
        }
    }
}
