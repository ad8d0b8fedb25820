import AccountManagement
import Accounts
import Cryptography
import DeveloperLog
import HTTPTypes
import Hummingbird
import Logging
import OAuth
import Time

/// A request of a browser to one of the account pages.
struct AccountVisit {
    let request: Request
    let context: DenwaRequestContext
    let locale: PageLocale
    let formToken: String
    let origin: RequestOrigin
    let now: Timestamp
}

/// A visit by somebody who is signed in.
struct SignedInVisit {
    let visit: AccountVisit
    let session: Session
    /// The session cookie's value.
    let token: String
    let profile: AccountProfile

    var account: AccountID { profile.id }
    var anchor: SignInAnchor { .session(session.id) }
}

extension AccountEndpoints {
    /// How old a sign-in may be for what would hand the account to somebody at an unlocked screen.
    private static let freshnessSeconds = 900

    typealias SignedInHandler = (SignedInVisit) async throws(AccountError) -> Response

    func visit(_ request: Request, _ context: DenwaRequestContext) -> (AccountVisit, newBrowser: String?) {
        let (browser, isNew) = cookies.knownBrowser(of: request)
        let visit = AccountVisit(
            request: request, context: context, locale: PageLocale(of: request),
            formToken: cookies.formToken(for: browser), origin: edge.origin(of: request, context), now: edge.now)
        return (visit, isNew ? browser : nil)
    }

    /// Whoever is not signed in, or not freshly enough, goes to the sign-in and comes back to `/account`.
    func signedIn(
        _ request: Request, _ context: DenwaRequestContext, isSensitive: Bool = false, _ handler: SignedInHandler
    ) async -> Response {
        let (visit, newBrowser) = visit(request, context)
        var response = await signedIn(visit, isSensitive: isSensitive, handler)
        if let newBrowser { cookies.setBrowser(newBrowser, in: &response) }
        return response
    }

    private func signedIn(
        _ visit: AccountVisit, isSensitive: Bool, _ handler: SignedInHandler
    ) async -> Response {
        do throws(AccountError) {
            guard let token = cookies.session(of: visit.request),
                let session = try await session(token, at: visit.now),
                let profile = try await accounts.profile(.id(session.account))
            else { return .seeOther(signIn.address(backTo: "/account")) }
            if isSensitive, visit.now >= session.authenticatedAt.adding(seconds: Self.freshnessSeconds) {
                return .seeOther(signIn.address(backTo: "/account", isFresh: true))
            }
            return try await handler(SignedInVisit(visit: visit, session: session, token: token, profile: profile))
        } catch {
            return failed(error, visit)
        }
    }

    /// A form of ours, by somebody who is signed in.
    func submitted(
        _ request: Request, _ context: DenwaRequestContext, isSensitive: Bool = false,
        _ handler: (FormReader, SignedInVisit) async throws(AccountError) -> Response
    ) async -> Response {
        await signedIn(request, context, isSensitive: isSensitive) { signedIn throws(AccountError) in
            guard let form = try? await request.form(), cookies.browser(sending: form, request) != nil else {
                return try await overview(signedIn, notice: nil, problem: .sessionLost)
            }
            return try await handler(FormReader(form: form), signedIn)
        }
    }

    private func session(_ token: String, at now: Timestamp) async throws(AccountError) -> Session? {
        do { return try await sessions.session(SHA256Digest(of: token), at: now) } catch { throw .unavailable(error) }
    }

    func failed(_ error: AccountError, _ visit: AccountVisit) -> Response {
        if case .unavailable(let cause) = error {
            visit.context.logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
        }
        return signInPages.error(
            OAuthError(.temporarilyUnavailable, "the request could not be completed"), locale: visit.locale,
            requestID: visit.context.requestID)
    }
}

/// Fields of a form: absent, empty and repeated ones are no value.
struct FormReader {
    let form: FormParameters

    subscript(name: String) -> String? { try? form.optional(name) }
    func has(_ name: String) -> Bool { form.has(name) }
}
