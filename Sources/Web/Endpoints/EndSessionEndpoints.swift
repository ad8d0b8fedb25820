import Accounts
import Cryptography
import HTTPTypes
package import Hummingbird
import Logging
package import OAuth

/// `GET|POST /oauth2/end_session` (OpenID Connect RP-Initiated Logout).
package struct EndSessionEndpoints: Sendable {
    private let endpoint: EndSessionEndpoint
    private let pages: SignInPages
    private let cookies: BrowserCookies
    private let edge: Edge

    package init(endpoint: EndSessionEndpoint, pages: SignInPages, cookies: BrowserCookies, edge: Edge) {
        self.endpoint = endpoint
        self.pages = pages
        self.cookies = cookies
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.getWithoutHead("/oauth2/end_session") { request, context in
            await end(request.query() ?? .none, isConfirmed: false, request, context)
        }
        router.post("/oauth2/end_session") { request, context in await endByForm(request, context) }
    }

    /// Our own page's yes, or an app's form: the latter arrives without our cookies and goes on as a GET, which
    /// brings them.
    private func endByForm(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let form = try? await request.form() else {
            return failed(.invalidRequest("the body is not a form"), request, context)
        }
        if cookies.browser(sending: form, request) != nil {
            return await end(form, isConfirmed: true, request, context)
        }
        do throws(OAuthError) {
            let query = try await endpoint.request(form, at: edge.now).parameters
                .map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
            return .seeOther("/oauth2/end_session?\(query)")
        } catch {
            return failed(error, request, context)
        }
    }

    private func end(
        _ form: FormParameters, isConfirmed: Bool, _ request: Request, _ context: DenwaRequestContext
    ) async -> Response {
        do throws(OAuthError) {
            let wish = try await endpoint.request(form, at: edge.now)
            let locale = PageLocale(of: request, uiLocales: wish.uiLocales, client: wish.client)
            let ending = try await endpoint.end(
                wish, session: cookies.session(of: request), isConfirmed: isConfirmed,
                from: edge.origin(of: request, context), at: edge.now)
            if case .confirmationNeeded(let session) = ending {
                let (browser, isNew) = cookies.knownBrowser(of: request)
                var response = pages.signOut(
                    wish, session, locale: locale, formToken: cookies.formToken(for: browser))
                if isNew { cookies.setBrowser(browser, in: &response) }
                return response
            }
            var response =
                wish.redirect.map(Response.seeOther) ?? pages.signedOut(locale: locale, client: wish.client)
            if case .ended = ending { cookies.endSession(in: &response) }
            return response
        } catch {
            return failed(error, request, context)
        }
    }

    private func failed(_ error: OAuthError, _ request: Request, _ context: DenwaRequestContext) -> Response {
        pages.refused(.shown(error, client: nil), request, context)
    }
}
