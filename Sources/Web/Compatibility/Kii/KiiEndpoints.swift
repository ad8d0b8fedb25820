package import AccountManagement
import Accounts
package import DeveloperLog
import HTTPTypes
package import Hummingbird
import Logging
import Messaging
package import OAuth
package import RateLimiting
import Time

/// The REST interface of Kii Cloud's accounts, under `/api`: a wire layer over the account acts.
package struct KiiEndpoints: Sendable {
    let accounts: AccountFlow
    let registry: ClientRegistry
    let verifier: AccessTokenVerifier
    let tokens: any TokenStore
    let authenticator: ClientAuthenticator
    let issuer: AccessTokenIssuer
    let refreshTokens: RefreshTokenDerivation
    let tokenSettings: TokenSettings
    let limitPerClient: Limit?
    let log: any SecurityEventLog
    let edge: Edge

    package init(
        accounts: AccountFlow, registry: ClientRegistry, verifier: AccessTokenVerifier, tokens: any TokenStore,
        authenticator: ClientAuthenticator, issuer: AccessTokenIssuer, refreshTokens: RefreshTokenDerivation,
        tokenSettings: TokenSettings, limitPerClient: Limit?, log: any SecurityEventLog, edge: Edge
    ) {
        self.accounts = accounts
        self.registry = registry
        self.verifier = verifier
        self.tokens = tokens
        self.authenticator = authenticator
        self.issuer = issuer
        self.refreshTokens = refreshTokens
        self.tokenSettings = tokenSettings
        self.limitPerClient = limitPerClient
        self.log = log
        self.edge = edge
    }

    /// What the CORS middleware knows these routes by.
    static let path = "/api/"

    package func add(to router: Router<DenwaRequestContext>) {
        let users: RouterPath = "/api/apps/:app/users"
        let user: RouterPath = "/api/apps/:app/users/:user"
        on(router, .post, users, register)
        on(router, .get, user, show)
        on(router, .patch, user, update)
        on(router, .post, user, update)
        on(router, .delete, user, delete)
        on(router, .get, "\(user)/phone-number", showNumber)
        on(router, .put, "\(user)/phone-number", changeNumber)
        on(router, .post, "\(user)/phone-number/verify", verifyNumber)
        on(router, .post, "\(user)/phone-number/resend-verification", resendNumber)
        on(router, .get, "\(user)/email-address", showEmail)
        on(router, .put, "\(user)/email-address", changeEmail)
        on(router, .post, "\(user)/email-address/verify", verifyEmail)
        on(router, .post, "\(user)/email-address/resend-verification", resendEmail)
        on(router, .put, "\(user)/password", changePassword)
        on(router, .post, "\(user)/password/request-reset", requestReset)
        on(router, .post, "\(user)/password/complete-reset", completeReset)
        on(router, .get, "\(user)/status", showStatus)
        on(router, .put, "\(user)/status", changeStatus)
        for path in ["/api/apps/:app/oauth2/token", "/api/oauth2/token"] as [RouterPath] {
            router.postOnly(path) { request, context in await token(request, context) }
        }
    }

    typealias Handler = @Sendable (KiiRequest) async throws(KiiError) -> Response

    private func on(
        _ router: Router<DenwaRequestContext>, _ method: HTTPRequest.Method, _ path: RouterPath,
        _ handler: @escaping Handler
    ) {
        router.on(path, method: method) { request, context in
            do throws(KiiError) { return try await handler(try await authenticate(request, context)) } catch {
                return error.response
            }
        }
    }

    // MARK: - Who asks

    private func authenticate(
        _ request: Request, _ context: DenwaRequestContext
    ) async throws(KiiError) -> KiiRequest {
        let (origin, now) = (edge.origin(of: request, context), edge.now)
        let client = registry[ClientID(context.pathParameter("app"))]
        let caller: KiiCaller
        if let token = request.bearerToken {
            caller = try await bearer(token, of: client, context, at: now)
        } else {
            guard let credentials = KiiAppCredentials(request), credentials.id == client?.id.rawValue,
                credentials.isKey(of: client?.kii)
            else {
                try await refuse(client, from: origin, context, at: now)
                throw .unauthorized
            }
            caller = .app
        }
        guard let client, let app = client.kii else { throw .unauthorized }
        return KiiRequest(
            request: request, context: context, client: client, app: app, caller: caller, origin: origin, now: now)
    }

    private func bearer(
        _ token: String, of client: Client?, _ context: DenwaRequestContext, at now: Timestamp
    ) async throws(KiiError) -> KiiCaller {
        guard let client, client.kii != nil else { throw .unauthorized }
        if token.utf8.contains(UInt8(ascii: ".")) {
            // A token that the client got for itself speaks for the app's owner.
            guard let access = try? verifier.verify(token, at: now), access.grant == nil, access.client == client.id,
                access.confirmation == nil,
                (try? await tokens.isActive(tokenID: access.id, grant: nil)) == true
            else { throw .unauthorized }
            return .admin
        }
        let bearer = try await act(context) { () throws(AccountError) in
            try await accounts.bearer(token, .kiiAccess, at: now)
        }
        guard let bearer, bearer.client == client.id else { throw .unauthorized }
        return .user(bearer)
    }

    func refuse(
        _ client: Client?, from origin: RequestOrigin, _ context: DenwaRequestContext, at now: Timestamp
    ) async throws(KiiError) {
        let event = SecurityEvent(
            .clientAuthenticationFailed, at: now, origin: origin, clientID: client?.id.rawValue,
            reason: "wrong or missing app key")
        do { try await log.record(event) } catch { throw KiiError(.unavailable(error), logger: context.logger) }
    }

    /// Runs an act and gives its refusal this interface's shape.
    ///
    /// - Parameter password: how the request calls a new password.
    func act<Value>(
        _ context: DenwaRequestContext, password: String = "password", _ act: () async throws(AccountError) -> Value
    ) async throws(KiiError) -> Value {
        do throws(AccountError) { return try await act() } catch {
            throw KiiError(error, password: password, logger: context.logger)
        }
    }

    // MARK: - Whom it is about

    /// The account that a user or an administrator names. A user finds nobody else, whether or not they exist.
    func account(_ kii: KiiRequest) async throws(KiiError) -> AccountProfile {
        if case .app = kii.caller { throw .unauthorized }
        guard let reference = KiiUserReference(kii.context.pathParameter("user")) else { throw .addressNotFound }
        switch kii.caller {
        case .app: throw .unauthorized
        case .user(let bearer):
            guard let own = try await profile(.id(bearer.account), kii) else { throw .userNotFound }
            switch reference {
            case .me: return own
            case .id(let id):
                guard id == own.id else { throw .userNotFound }
            case .address(let address):
                guard own.isReached(by: address) else { throw .addressNotFound }
            }
            return own
        case .admin:
            switch reference {
            case .me: throw .unauthorized
            case .id(let id):
                guard let profile = try await managed(.id(id), kii) else { throw .userNotFound }
                return profile
            case .address(let address):
                guard let profile = try await managed(address, kii) else { throw .addressNotFound }
                return profile
            }
        }
    }

    /// The server's users are one pool; an app's owner manages those of the app.
    private func managed(
        _ identifier: LoginIdentifier, _ kii: KiiRequest
    ) async throws(KiiError) -> AccountProfile? {
        guard let profile = try await profile(identifier, kii) else { return nil }
        let isUser = try await act(kii.context) { () throws(AccountError) in
            try await accounts.isUser(profile.id, of: kii.client)
        }
        return isUser || kii.client.isFirstParty ? profile : nil
    }

    private func profile(
        _ identifier: LoginIdentifier, _ kii: KiiRequest
    ) async throws(KiiError) -> AccountProfile? {
        try await act(kii.context) { () throws(AccountError) in try await accounts.profile(identifier) }
    }

    /// Whom a stranger means, whether or not they exist.
    func named(_ kii: KiiRequest) throws(KiiError) -> LoginIdentifier {
        switch KiiUserReference(kii.context.pathParameter("user")) {
        case .me: throw .unauthorized
        case .id(let id): .id(id)
        case .address(let address): address
        // No number, say: nobody has it.
        case nil: .loginName(FoldedText(stored: ""))
        }
    }

    func body(_ kii: KiiRequest) async throws(KiiError) -> KiiBody {
        do throws(BodyFailure) { return KiiBody(try await kii.request.jsonObject(atMost: KiiBody.limit)) } catch {
            throw KiiError(error)
        }
    }

    /// What messages to this user are written in, best first.
    func locales(_ kii: KiiRequest, _ profile: AccountProfile? = nil) -> [String] {
        MessageLocale.wishes(
            uiLocales: [profile?.locale].compactMap(\.self), acceptLanguage: kii.request.headers[.acceptLanguage],
            fallback: kii.client.defaultLocale)
    }

    /// The sign-in that a request comes from.
    func anchor(_ kii: KiiRequest) -> SignInAnchor? {
        if case .user(let bearer) = kii.caller { return .grant(bearer.grant) }
        return nil
    }
}
