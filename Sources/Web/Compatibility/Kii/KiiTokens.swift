import AccountManagement
import Accounts
import Cryptography
import DeveloperLog
import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import RateLimiting
import Time

/// What a token request of the Kii interface holds, as JSON or as a form.
private struct KiiTokenRequest {
    let grantType: String
    let userName: String?
    let password: String?
    let refreshToken: String?
    let clientID: String?
    let clientSecret: String?
    /// UNIX milliseconds.
    let expiresAt: Int64?

    init(_ request: Request) async throws(KiiError) {
        let value: (String) throws(KiiError) -> String?
        let isForm = request.headers[.contentType]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true
        do throws(BodyFailure) {
            if isForm {
                let form = try await request.form()
                value = { name throws(KiiError) in
                    do { return try form.optional(name) } catch { throw .invalid(name, "The field is there twice.") }
                }
            } else {
                let body = KiiBody(try await request.jsonObject())
                value = { name throws(KiiError) in
                    if let number = body.members[name]?.integer { return String(number) }
                    return try body.optional(name)
                }
            }
        } catch {
            throw KiiError(error)
        }
        clientID = try value("client_id")
        clientSecret = try value("client_secret")
        grantType = try value("grant_type") ?? (clientSecret == nil ? "password" : "client_credentials")
        userName = try value("username")
        password = try value("password")
        refreshToken = try value("refresh_token")
        expiresAt = try value("expiresAt").map { text throws(KiiError) in
            guard let milliseconds = Int64(text), (0...253_402_300_799_000).contains(milliseconds) else {
                throw .invalid("expiresAt", "It must be a time in milliseconds since 1970.")
            }
            return milliseconds
        }
    }
}

extension KiiEndpoints {
    /// `POST …/oauth2/token`. Under `/api` alone, the credentials say which app it is.
    func token(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        do throws(KiiError) {
            let parsed = try await KiiTokenRequest(request)
            let (origin, now) = (edge.origin(of: request, context), edge.now)
            if let end = parsed.expiresAt, end <= now.milliseconds { throw .invalid("expiresAt", "It is in the past.") }
            if parsed.grantType == "client_credentials" {
                return try await adminToken(parsed, context, from: origin, at: now)
            }
            let credentials = KiiAppCredentials(request)
            let named = context.parameters.get("app") == nil ? credentials?.id ?? "" : context.pathParameter("app")
            guard let credentials, let client = registry[ClientID(named)], credentials.id == named,
                credentials.isKey(of: client.kii)
            else {
                try await refuse(registry[ClientID(named)], from: origin, context, at: now)
                throw .unauthorized
            }
            switch parsed.grantType {
            case "password": return try await passwordToken(parsed, client, context, from: origin, at: now)
            case "refresh_token": return try await refreshedToken(parsed, client, context, from: origin, at: now)
            default: throw .invalid("grant_type", "It must be password or refresh_token.")
            }
        } catch {
            return error.response
        }
    }

    /// One answer for every failure, byte for byte.
    private static let failed = Response.json(
        .badRequest,
        [
            "errorCode": "invalid_grant", "error": "invalid_grant",
            "error_description": "The user was not found or a wrong password was provided",
        ])

    private func passwordToken(
        _ parsed: KiiTokenRequest, _ client: Client, _ context: DenwaRequestContext, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(KiiError) -> Response {
        guard let userName = parsed.userName else { throw .invalid("username", "The field is missing.") }
        guard let password = parsed.password else { throw .invalid("password", "The field is missing.") }
        let wanted = parsed.expiresAt.map(Timestamp.init(milliseconds:))
        let attempt = PasswordAttempt(
            identifier: KiiUserReference.userName(userName), password: password, acceptsClaims: client.acceptsClaims)
        let tokens = accounts.kiiTokens(for: client, until: wanted, tokens: tokenSettings, at: now)
        let account: AccountID
        do throws(AccountError) {
            account = try await accounts.signIn(
                attempt, client: client, signIn: tokens.signIn, from: origin, at: now)
        } catch {
            if case .signInFailed = error { return Self.failed }
            throw KiiError(error, logger: context.logger)
        }
        return Self.response(account, tokens.access, tokens.accessExpiresAt, refresh: tokens.renewal, at: now)
    }

    private func refreshedToken(
        _ parsed: KiiTokenRequest, _ client: Client, _ context: DenwaRequestContext, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(KiiError) -> Response {
        guard let token = parsed.refreshToken else { throw .invalid("refresh_token", "The field is missing.") }
        // Only what began here goes on here: what a person allowed an app by redirect is less than this interface can do.
        let state: RefreshTokenState?
        do { state = try await self.tokens.refreshToken(SHA256Digest(of: token), at: now) } catch {
            throw KiiError(.unavailable(error), logger: context.logger)
        }
        if let state, !state.grant.isOfThisInterface { return Self.failed }
        let wanted = parsed.expiresAt.map(Timestamp.init(milliseconds:)) ?? issuer.expiry(for: client, at: now)
        let successor = refreshTokens.successor(of: token)
        let presentation = RefreshPresentation(
            digest: SHA256Digest(of: token), client: client.id,
            successor: NewRefreshToken(
                digest: SHA256Digest(of: successor),
                expiresAt: now.adding(seconds: tokenSettings.refreshLifetimeSeconds)),
            graceSeconds: tokenSettings.refreshGraceSeconds,
            accessTokenExpiresAt: accounts.kiiExpiry(wanted, at: now))
        let rotation: RefreshRotation
        let charge = LimitCharge(.tokenPerClient, limitPerClient, subject: client.id.rawValue)
        do {
            rotation = try await tokens.rotate(
                presentation, charging: [charge].compactMap(\.self), from: origin, at: now)
        } catch {
            throw KiiError(.unavailable(error), logger: context.logger)
        }
        if case .limited(let refusal) = rotation { throw KiiError(.limited(refusal), logger: context.logger) }
        // A token that was spent before answers inside its grace, and was not looked at above.
        guard case .rotated(let grant) = rotation, grant.isOfThisInterface else { return Self.failed }
        let access = try await act(context) { () throws(AccountError) in
            try await accounts.kiiAccess(to: grant.id, until: wanted, at: now)
        }
        guard let access else { return Self.failed }
        return Self.response(grant.account, access.token, access.expiresAt, refresh: successor, at: now)
    }

    private static func response(
        _ account: AccountID, _ token: String, _ expiresAt: Timestamp, refresh: String?, at now: Timestamp
    ) -> Response {
        let left = (expiresAt.milliseconds - now.milliseconds) / 1000
        var members: JSONObject = [
            "id": .string(account.rawValue), "access_token": .string(token),
            "expires_in": .integer(expiresAt >= AccountFlow.never ? 2_147_483_647 : min(left, 2_147_483_647)),
            "token_type": "bearer",
        ]
        if let refresh { members["refresh_token"] = .string(refresh) }
        return .json(.ok, .object(members))
    }

    /// The app's owner, with the client's secret: a token of the client itself.
    private func adminToken(
        _ parsed: KiiTokenRequest, _ context: DenwaRequestContext, from origin: RequestOrigin, at now: Timestamp
    ) async throws(KiiError) -> Response {
        guard let id = parsed.clientID else { throw .invalid("client_id", "The field is missing.") }
        let credentials = ClientCredentials(
            id: ClientID(id), secret: parsed.clientSecret)
        do throws(OAuthError) {
            let authenticated = try await authenticator.authenticate(credentials, from: origin, at: now)
            try authenticated.mayUse(.clientCredentials)
            let client = authenticated.client
            // What is bound to a key elsewhere is not given out unbound here.
            guard client.kii != nil, !client.requiresDPoP, !client.bindsTokensToCertificate,
                context.parameters.get("app") == nil || context.pathParameter("app") == client.id.rawValue
            else {
                throw .invalidClient
            }
            let charge = LimitCharge(.tokenPerClient, limitPerClient, subject: client.id.rawValue)
            let refusal: LimitRefusal?
            do {
                refusal = try await tokens.charge([charge].compactMap(\.self), for: client.id, from: origin, at: now)
            } catch {
                throw .serverError(error)
            }
            if let refusal { throw .limited(refusal) }
            let issued = try issuer.issue(scope: .empty, to: client, at: now)
            return .json(
                .ok,
                [
                    "id": .string(client.id.rawValue), "access_token": .string(issued.token),
                    "expires_in": .integer(Int64(issued.lifetimeSeconds)), "token_type": "bearer",
                ])
        } catch {
            if let limit = error.limit { throw KiiError(.limited(limit), logger: context.logger) }
            if error.code == .serverError {
                throw KiiError(.unavailable(error.cause ?? error), logger: context.logger)
            }
            throw .unauthorized
        }
    }
}

extension Grant {
    /// Made with a name and a password, and not by a redirect.
    fileprivate var isOfThisInterface: Bool { session == nil && methods == [.password] }
}
