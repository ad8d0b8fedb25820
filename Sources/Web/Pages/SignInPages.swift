import Accounts
import HTTPTypes
import Hummingbird
import OAuth
package import PhoneLogin
import PhoneNumbers
import Time

/// Why a form is shown again: a key of the page's catalogue, and how long the person has to wait.
struct PageProblem {
    let key: String
    let status: HTTPResponse.Status
    var retrySeconds: Int?
    /// The text when the wait is over.
    var doneKey: String?

    static let sessionLost = PageProblem(key: "session_lost", status: .forbidden)

    /// `problem` and what the countdown needs, for the templates.
    func variables(_ texts: [String: String]) -> [String: Any] {
        guard let template = texts[key] else { return [:] }
        guard let retrySeconds else { return ["problem": template] }
        return [
            "problem": PageCatalogue.fill(template, with: ["time": Self.clock(retrySeconds)]),
            "problem_template": template, "retry_seconds": retrySeconds,
            "problem_done": doneKey.flatMap { texts[$0] } ?? "",
        ]
    }

    /// `0:27`, `1:05:00`: what needs no plural in any language. The script counts down in the same form.
    private static func clock(_ seconds: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }
}

/// The pages of a sign-in as responses.
package struct SignInPages: Sendable {
    private let library: PageLibrary
    private let regions: RegionList
    private let settings: PhoneLoginSettings

    package init(library: PageLibrary, regions: RegionList, settings: PhoneLoginSettings) {
        self.library = library
        self.regions = regions
        self.settings = settings
    }

    func render(_ page: Page) -> String { library.render(page) }

    // MARK: - Number and code

    func phone(
        _ request: AuthorizationRequest, locale: PageLocale, formToken: String, number: String? = nil,
        region: String? = nil, problem: PageProblem? = nil
    ) -> Response {
        let selected = region ?? regions.preferred(wishes: locale.wishes, locale: locale.tag)
        let options = regions.options(locale: locale.tag, selecting: selected)
        let page = Page(template: "phone", locale: locale, client: request.client) { texts in
            [
                "action": "/login?\(request.query)", "csrf": formToken, "options": options,
                "number": number ?? request.loginHint ?? "",
            ].merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        return response(page, of: request, problem)
    }

    func code(
        _ request: AuthorizationRequest, _ signIn: BrowserSignIn, flow: String, locale: PageLocale, formToken: String,
        isResent: Bool = false, problem: PageProblem? = nil, at now: Timestamp
    ) -> Response {
        let texts = [
            "length": "\(settings.codeLength)", "phone": signIn.maskedNumber.isolatedLeftToRight,
        ]
        let page = Page(template: "code", locale: locale, client: request.client, texts: texts) { texts in
            var variables: [String: Any] = [
                "action": "/login/code?\(request.query)", "csrf": formToken, "flow": flow,
                "code_length": settings.codeLength, "resend_action": "/login/resend?\(request.query)",
                "resend_seconds": now.secondsRoundedUp(until: signIn.resendAt),
                "change_url": "/login?\(request.query)",
            ]
            if isResent { variables["resent"] = true }
            if signIn.hasLink {
                variables["link_sent"] = true
                variables["wait_url"] = "/login/wait?login_flow=\(flow)"
                variables["finish_action"] = "/login/finish?\(request.query)"
            }
            return variables.merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        return response(page, of: request, problem)
    }

    // MARK: - Consent and choice

    func consent(
        _ request: AuthorizationRequest, _ session: Session, locale: PageLocale, formToken: String,
        problem: PageProblem? = nil
    ) -> Response {
        let page = Page(
            template: "consent", locale: locale, client: request.client, texts: Self.texts(of: session)
        ) { texts in
            let scopes: [[String: Any]] = Self.wishes(of: request.scope, texts).map { ["title": $0] }
            var variables: [String: Any] = [
                "action": "/login/consent?\(request.query)", "csrf": formToken, "session": session.id.rawValue,
                "scopes": scopes, "switch_url": "/login?\(request.query)",
            ]
            variables["site"] = Self.site(of: request)
            return variables.merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        return response(page, of: request, problem)
    }

    /// Where the answer goes, for an app that gave itself its name: that much of it cannot be made up.
    private static func site(of request: AuthorizationRequest) -> String? {
        guard request.client.isSelfDescribed, let uri = RedirectURI(request.target.redirect.uri) else { return nil }
        return uri.host ?? uri.scheme
    }

    /// What a scope asks of the person, in words, each once.
    static func wishes(of scope: Scope, _ texts: [String: String]) -> [String] {
        var wishes: [String] = []
        for token in (["openid"] + scope.tokens.filter { $0 != "openid" }) {
            let key = token == "offline_access" ? "scope_offline" : "scope_\(token)"
            let known = ["openid", "phone", "profile", "email", "offline", "offline_access"].contains(token)
            let wish =
                known
                ? texts[key]
                : texts["scope_other"].map { PageCatalogue.fill($0, with: ["scope": token.isolatedLeftToRight]) }
            if let wish, !wishes.contains(wish) { wishes.append(wish) }
        }
        return wishes
    }

    func choose(_ request: AuthorizationRequest, _ session: Session, locale: PageLocale) -> Response {
        let page = Page(
            template: "choose", locale: locale, client: request.client, texts: Self.texts(of: session)
        ) { _ in
            [
                "continue_url": "/oauth2/authorize?\(request.queryAfterSignIn)",
                "other_url": "/login?\(request.query)",
            ]
        }
        return response(page, of: request, nil)
    }

    static func texts(of session: Session) -> [String: String] {
        let number = session.phoneNumber.map { PhoneNumber(trusted: $0, region: "", lineType: .unknown).masked }
        return ["phone": (number ?? session.account.rawValue).isolatedLeftToRight]
    }

    private func response(_ page: Page, of request: AuthorizationRequest, _ problem: PageProblem?) -> Response {
        var response = Response.page(
            render(page), status: problem?.status ?? .ok, leadingTo: request.target.redirect.schemeSource)
        if let seconds = problem?.retrySeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    // MARK: - Links

    func link(
        _ link: LinkPage, operationID: String, token: String, locale: PageLocale, formToken: String,
        problem: PageProblem? = nil
    ) -> Response {
        let page = Page(template: "link", locale: locale, client: link.client) { texts in
            var variables: [String: Any] = [
                "action": "/login/link", "csrf": formToken, "operation_id": operationID, "link_token": token,
                "device": link.askingDevice ?? texts["unknown_device"] ?? "",
                "started_at": link.startedAt.internetDate,
                "started_at_text": "\(link.startedAt.internetDate.dropFirst(11).prefix(5)) UTC",
            ]
            if link.isSameBrowser { variables["same_browser"] = true }
            return variables.merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        // The same browser goes on to the app with the answer to this form.
        let destination = link.isSameBrowser ? link.client.redirectURIs.map { "\($0.scheme):" } : []
        return .page(
            render(page), status: problem?.status ?? .ok,
            leadingTo: destination.isEmpty ? nil : Set(destination).sorted().joined(separator: " "))
    }

    /// `approved`, `denied` or `gone`.
    func linkResult(_ result: String, client: Client?, locale: PageLocale, status: HTTPResponse.Status = .ok)
        -> Response
    {
        let page = Page(template: "link-result", locale: locale, client: client) { texts in
            [result: true, "title": texts["title_\(result)"] ?? ""]
        }
        return .page(render(page), status: status)
    }

    // MARK: - The end, and what goes wrong

    func signOut(
        _ request: EndSessionRequest, _ session: Session, locale: PageLocale, formToken: String,
        problem: PageProblem? = nil
    ) -> Response {
        let fields: [[String: Any]] = request.parameters.map { ["name": $0.name, "value": $0.value] }
        let page = Page(
            template: "sign-out", locale: locale, client: request.client, texts: Self.texts(of: session)
        ) { texts in
            ["action": "/oauth2/end_session", "csrf": formToken, "fields": fields]
                .merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        let destination = request.redirect.map { "\($0.prefix { $0 != ":" }.lowercased()):" }
        return .page(render(page), status: problem?.status ?? .ok, leadingTo: destination)
    }

    func signedOut(locale: PageLocale, client: Client?) -> Response {
        .page(render(Page(template: "signed-out", locale: locale, client: client)))
    }

    func formPost(
        _ uri: String, _ fields: [(name: String, value: String)], locale: PageLocale, client: Client
    ) -> Response {
        let fields: [[String: Any]] = fields.map { ["name": $0.name, "value": $0.value] }
        let page = Page(template: "form-post", locale: locale, client: client) { _ in
            ["action": uri, "fields": fields]
        }
        return .page(render(page), leadingTo: "\(uri.prefix { $0 != ":" }.lowercased()):")
    }

    /// A page for what no redirect may answer. The detail is for the app's developer, and a literal.
    func error(_ error: OAuthError, locale: PageLocale, client: Client? = nil, requestID: String) -> Response {
        let isBusy = error.code == .serverError || error.code == .temporarilyUnavailable
        var response = Response.page(
            errorPage(
                isBusy ? "busy" : "request", detail: isBusy ? nil : error.description, locale: locale, client: client,
                requestID: requestID),
            status: isBusy ? .serviceUnavailable : .badRequest)
        if isBusy { response.headers[.retryAfter] = "5" }
        return response
    }

    func notFound(locale: PageLocale, requestID: String) -> Response {
        .page(
            errorPage("not_found", detail: nil, locale: locale, client: nil, requestID: requestID), status: .notFound)
    }

    private func errorPage(
        _ kind: String, detail: StaticString?, locale: PageLocale, client: Client?, requestID: String
    ) -> String {
        render(
            Page(template: "error", locale: locale, client: client) { texts in
                var variables: [String: Any] = [
                    "heading": texts["heading_\(kind)"] ?? "", "problem": texts["problem_\(kind)"] ?? "",
                    "request_id": requestID,
                ]
                if let detail { variables["detail"] = "\(detail)" }
                return variables
            })
    }
}
