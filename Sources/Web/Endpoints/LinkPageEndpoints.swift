import HTTPTypes
package import Hummingbird
import Logging
package import OAuth
package import PhoneLogin

/// `GET|POST /login/link`: the link of a text. Opening it shows who asks; only the button answers.
package struct LinkPageEndpoints: Sendable {
    private let authorization: AuthorizationEndpoint
    private let flow: PhoneLoginFlow
    private let pages: SignInPages
    private let cookies: BrowserCookies
    private let edge: Edge

    package init(
        authorization: AuthorizationEndpoint, flow: PhoneLoginFlow, pages: SignInPages, cookies: BrowserCookies,
        edge: Edge
    ) {
        self.authorization = authorization
        self.flow = flow
        self.pages = pages
        self.cookies = cookies
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/login/link") { request, context in
            await show(request.query() ?? .none, request, context)
        }
        router.post("/login/link") { request, context in await answer(request, context) }
    }

    private func show(
        _ parameters: FormParameters, problem: PageProblem? = nil, _ request: Request, _ context: DenwaRequestContext
    ) async -> Response {
        let locale = PageLocale(of: request)
        guard let operation = try? parameters.optional("operation_id"),
            let token = try? parameters.optional("link_token")
        else { return pages.linkResult("gone", client: nil, locale: locale, status: .notFound) }
        do throws(PhoneLoginError) {
            let known = cookies.browser(of: request)
            guard let link = try await flow.link(operationID: operation, token: token, browser: known, at: edge.now)
            else { return pages.linkResult("gone", client: nil, locale: locale, status: .notFound) }
            let (browser, isNew) = cookies.knownBrowser(of: request)
            var response = pages.link(
                link, operationID: operation, token: token, locale: PageLocale(of: request, client: link.client),
                formToken: cookies.formToken(for: browser), problem: problem)
            if isNew { cookies.setBrowser(browser, in: &response) }
            return response
        } catch {
            return failed(error, request, context)
        }
    }

    private func answer(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let form = try? await request.form() else {
            return pages.error(
                .invalidRequest("the body is not a form"), locale: PageLocale(of: request),
                requestID: context.requestID)
        }
        guard let browser = cookies.browser(sending: form, request) else {
            guard cookies.browser(of: request) != nil else {
                return pages.linkResult("gone", client: nil, locale: PageLocale(of: request), status: .forbidden)
            }
            return await show(form, problem: .sessionLost, request, context)
        }
        guard let operation = try? form.optional("operation_id"), let token = try? form.optional("link_token"),
            let decision = try? form.optional("decision"), decision == "approve" || decision == "deny"
        else { return await show(form, request, context) }
        let locale = PageLocale(of: request)
        do throws(PhoneLoginError) {
            let answer = try await flow.decide(
                operationID: operation, token: token, isApproved: decision == "approve",
                with: BrowserCredentials(
                    browser: browser, session: cookies.session(of: request),
                    deviceIDs: cookies.deviceIDs(of: request),
                    device: AskingDevice.description(userAgent: request.headers[.userAgent])),
                from: edge.origin(of: request, context), at: edge.now)
            switch answer {
            case .approved: return pages.linkResult("approved", client: nil, locale: locale)
            case .denied: return pages.linkResult("denied", client: nil, locale: locale)
            case .gone: return pages.linkResult("gone", client: nil, locale: locale, status: .notFound)
            case .signedIn(let signedIn): return await proceed(signedIn, request, context)
            }
        } catch {
            return failed(error, request, context)
        }
    }

    /// The same browser goes on with the sign-in it began, as if the code had been typed there.
    private func proceed(
        _ signedIn: BrowserSignedIn, _ request: Request, _ context: DenwaRequestContext
    ) async -> Response {
        var response = await next(signedIn, request, context)
        cookies.setSession(signedIn.sessionToken, in: &response)
        cookies.addDevice(signedIn.deviceID, to: cookies.deviceIDs(of: request), in: &response)
        return response
    }

    private func next(
        _ signedIn: BrowserSignedIn, _ request: Request, _ context: DenwaRequestContext
    ) async -> Response {
        guard let query = signedIn.continuation, let parameters = try? FormParameters(parsing: query) else {
            return pages.linkResult("approved", client: nil, locale: PageLocale(of: request))
        }
        do throws(AuthorizationFailure) {
            let checked = try await authorization.request(
                parameters, from: edge.origin(of: request, context), at: edge.now)
            return pages.afterSignIn(
                checked, authorization.afterSignIn(checked, as: signedIn.account),
                proof: cookies.signInProof(session: signedIn.sessionToken, query: checked.queryAfterSignIn), request)
        } catch {
            return pages.refused(error, request, context)
        }
    }

    private func failed(_ failure: PhoneLoginError, _ request: Request, _ context: DenwaRequestContext) -> Response {
        let locale = PageLocale(of: request)
        switch failure {
        case .limited(let refusal):
            var response = pages.error(.limited(refusal), locale: locale, requestID: context.requestID)
            response.status = .tooManyRequests
            response.add(refusal)
            return response
        case .unavailable(let cause):
            context.logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
            return pages.error(.serverError(cause), locale: locale, requestID: context.requestID)
        default: return pages.linkResult("gone", client: nil, locale: locale, status: .notFound)
        }
    }
}
