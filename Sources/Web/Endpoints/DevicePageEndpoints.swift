import Accounts
import DeveloperLog
import HTTPTypes
package import Hummingbird
import Logging
package import OAuth
import RateLimiting
import Time

/// `/device`: the code, the sign-in, the question (RFC 8628 §3.3). Only the button of the question answers; no
/// address does, however it got into the browser.
package struct DevicePageEndpoints: Sendable {
    private let verification: DeviceVerification
    private let pages: DevicePages
    private let signInPages: SignInPages
    private let cookies: BrowserCookies
    private let signIn: OwnSignIn
    private let edge: Edge

    package init(
        verification: DeviceVerification, pages: DevicePages, signInPages: SignInPages, cookies: BrowserCookies,
        signIn: OwnSignIn, edge: Edge
    ) {
        self.verification = verification
        self.pages = pages
        self.signInPages = signInPages
        self.cookies = cookies
        self.signIn = signIn
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/device") { request, _ in showEntry(request) }
        router.post("/device") { request, context in await takeCode(request, context) }
        router.get("/device/confirm") { request, context in await showQuestion(request, context) }
        router.post("/device/confirm") { request, context in await takeAnswer(request, context) }
    }

    // MARK: - The code

    private func showEntry(_ request: Request) -> Response {
        let query = request.query() ?? .none
        // Back from the sign-in, with the code in the state.
        if query.has("code") || query.has("error") {
            let code = ((try? query.optional("state")) ?? nil).flatMap(UserCode.init)
            guard let code else { return .seeOther("/device") }
            return .seeOther("\(query.has("code") ? "/device/confirm" : "/device")?user_code=\(code.text)")
        }
        let code = ((try? query.optional("user_code")) ?? nil).flatMap(UserCode.init)
        return page(request) { formToken in
            pages.entry(
                code?.text ?? "", isLinked: code != nil, locale: PageLocale(of: request), formToken: formToken)
        }
    }

    private func takeCode(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let form = try? await request.form() else { return malformed(request, context) }
        let typed = (try? form.optional("user_code")) ?? ""
        guard cookies.browser(sending: form, request) != nil else {
            return lost(request) { pages.entry(typed, locale: $0, formToken: $1, problem: .sessionLost) }
        }
        return await respond(request, context, typed: typed) { origin, now throws(DeviceVerificationFailure) in
            try await verification.step(typed, session: cookies.session(of: request), from: origin, at: now)
        }
    }

    // MARK: - The question

    private func showQuestion(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let code = (try? request.query()?.optional("user_code")) ?? nil else { return .seeOther("/device") }
        return await respond(request, context, typed: code) { origin, now throws(DeviceVerificationFailure) in
            try await verification.step(code, session: cookies.session(of: request), from: origin, at: now)
        }
    }

    private func takeAnswer(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let form = try? await request.form() else { return malformed(request, context) }
        let code = (try? form.optional("user_code")) ?? ""
        guard cookies.browser(sending: form, request) != nil else {
            return lost(request) { pages.entry(code, locale: $0, formToken: $1, problem: .sessionLost) }
        }
        let decision = try? form.optional("decision")
        let answer = ((try? form.optional("session")) ?? nil).flatMap { session in
            decision == "allow" || decision == "deny"
                ? ConsentDecision(session: SessionID(session), isAllowed: decision == "allow") : nil
        }
        return await respond(request, context, typed: code) { origin, now throws(DeviceVerificationFailure) in
            let token = cookies.session(of: request)
            guard let answer else {
                return try await verification.step(code, session: token, from: origin, at: now)
            }
            return try await verification.step(code, session: token, answer: answer, from: origin, at: now)
        }
    }
}

// MARK: - Answers

extension DevicePageEndpoints {
    private func respond(
        _ request: Request, _ context: DenwaRequestContext, typed: String,
        _ decide: (RequestOrigin, Timestamp) async throws(DeviceVerificationFailure) -> DeviceStep
    ) async -> Response {
        let locale = PageLocale(of: request)
        let problem: PageProblem
        var refusal: LimitRefusal?
        do throws(DeviceVerificationFailure) {
            switch try await decide(edge.origin(of: request, context), edge.now) {
            case .signIn(let code): return .seeOther(signIn.address(backTo: "/device", state: code.text))
            case .question(let question): return ask(question, request)
            case .allowed(let client): return pages.result("allowed", client: client, locale: locale)
            case .denied(let client): return pages.result("denied", client: client, locale: locale)
            case .unknown: problem = PageProblem(key: "wrong", status: .notFound)
            }
        } catch {
            problem = error.pageProblem(context.logger)
            refusal = error.refusal
        }
        var response = page(request) { pages.entry(typed, locale: locale, formToken: $0, problem: problem) }
        if let refusal { response.add(refusal) }
        return response
    }

    private func ask(_ question: DeviceQuestion, _ request: Request) -> Response {
        page(request) { formToken in
            pages.question(
                question, locale: PageLocale(of: request, client: question.client), formToken: formToken,
                switchAddress: signIn.address(backTo: "/device", state: question.userCode.text, isFresh: true))
        }
    }

    /// A page with a form, for a browser that may have none of our cookies yet.
    private func page(_ request: Request, _ make: (_ formToken: String) -> Response) -> Response {
        let (browser, isNew) = cookies.knownBrowser(of: request)
        var response = make(cookies.formToken(for: browser))
        if isNew { cookies.setBrowser(browser, in: &response) }
        return response
    }

    /// A form that is not ours, or has outlived its cookie. One from elsewhere comes without our cookies, and must not
    /// replace them: the page itself brings or makes them.
    private func lost(
        _ request: Request, _ make: (PageLocale, _ formToken: String) -> Response
    ) -> Response {
        guard let known = cookies.browser(of: request) else { return .seeOther("/device") }
        return make(PageLocale(of: request), cookies.formToken(for: known))
    }

    private func malformed(_ request: Request, _ context: DenwaRequestContext) -> Response {
        signInPages.error(
            .invalidRequest("the body is not a form"), locale: PageLocale(of: request), requestID: context.requestID)
    }
}

extension DeviceVerificationFailure {
    fileprivate var refusal: LimitRefusal? {
        if case .limited(let refusal) = self { refusal } else { nil }
    }

    fileprivate func pageProblem(_ logger: Logger) -> PageProblem {
        switch self {
        case .limited(let refusal):
            return PageProblem(
                key: "limited", status: .tooManyRequests, retrySeconds: refusal.retryAfterSeconds,
                doneKey: "limited_now")
        case .unavailable(let cause):
            logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
            return PageProblem(key: "unavailable", status: .serviceUnavailable, retrySeconds: 5)
        }
    }
}
