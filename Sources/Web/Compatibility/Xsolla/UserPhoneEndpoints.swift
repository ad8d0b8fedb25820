package import AccountManagement
import Accounts
import DeveloperLog
import HTTPTypes
package import Hummingbird
import JOSE
import Logging
import Messaging
package import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Time

/// `/users/me/phone`: what number a token's user has, and another one in its place. Only for apps that the person
/// typed a number into, and the operator's own.
package struct UserPhoneEndpoints: Sendable {
    private let accounts: AccountFlow
    private let userInfo: UserInfoEndpoint
    private let edge: Edge

    package init(accounts: AccountFlow, userInfo: UserInfoEndpoint, edge: Edge) {
        self.accounts = accounts
        self.userInfo = userInfo
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/users/me/phone") { request, context in
            await answer(request, context) { _, profile, _, _ throws(WireFailure) in
                guard let number = profile.phoneNumber else { return .empty(.noContent) }
                return .json(.ok, ["phone_number": .string(number)])
            }
        }
        router.post("/users/me/phone") { request, context in
            await answer(request, context) { bearer, profile, origin, now throws(WireFailure) in
                try await start(bearer, profile, request, context, from: origin, at: now)
            }
        }
        router.postOnly("/users/me/phone/confirm") { request, context in
            await answer(request, context) { bearer, profile, origin, now throws(WireFailure) in
                try await confirm(bearer, profile, request, context, from: origin, at: now)
            }
        }
        router.delete("/users/me/phone/:number") { request, context in
            await answer(request, context) { bearer, profile, origin, now throws(WireFailure) in
                let number = try? PhoneNumber(e164Input: context.pathParameter("number")).e164
                guard let number, number == profile.number?.text else {
                    return PhoneLoginError.operationUnknown.response(logger: context.logger)
                }
                return await act(context) { () throws(AccountError) in
                    try await accounts.removeNumber(
                        of: profile.id, client: bearer.client, locales: locales(request, bearer), from: origin, at: now)
                }
            }
        }
    }

    private typealias Handler =
        (UserInfoEndpoint.Bearer, AccountProfile, RequestOrigin, Timestamp) async throws(WireFailure) -> Response

    private func answer(
        _ request: Request, _ context: DenwaRequestContext, _ handler: Handler
    ) async -> Response {
        let (origin, now) = (edge.origin(of: request, context), edge.now)
        let bearer: UserInfoEndpoint.Bearer
        do throws(OAuthError) {
            guard let token = await edge.presentedToken(of: request, context) else {
                return ErrorEnvelope.unauthorized.response
            }
            bearer = try await userInfo.bearer(token, at: now)
        } catch {
            return error.envelope(logger: context.logger).response
        }
        // An app that was let in by redirect is told what the person agreed to, and changes nothing.
        guard bearer.isTrusted else { return ErrorEnvelope.unauthorized.response }
        do throws(WireFailure) { return try await handler(bearer, bearer.profile, origin, now) } catch {
            return error.response
        }
    }

    private func start(
        _ bearer: UserInfoEndpoint.Bearer, _ profile: AccountProfile, _ request: Request,
        _ context: DenwaRequestContext, from origin: RequestOrigin, at now: Timestamp
    ) async throws(WireFailure) -> Response {
        guard let number = try await XsollaBody(request).string("phone_number") else { throw .missing }
        do throws(AccountError) {
            let started = try await accounts.startNumberChange(
                of: profile.id, to: number, begunIn: bearer.anchor, client: bearer.client,
                locales: locales(request, bearer), webOTPDomain: bearer.client.webOTPDomain, from: origin, at: now)
            return .json(.ok, started.json)
        } catch {
            return error.phoneLoginError.response(logger: context.logger)
        }
    }

    private func confirm(
        _ bearer: UserInfoEndpoint.Bearer, _ profile: AccountProfile, _ request: Request,
        _ context: DenwaRequestContext, from origin: RequestOrigin, at now: Timestamp
    ) async throws(WireFailure) -> Response {
        let body = try await XsollaBody(request)
        guard let code = try body.string("code"), let operation = try body.string("operation_id") else {
            throw .missing
        }
        guard !code.isEmpty, code.utf8.count <= 64, !operation.isEmpty else { throw .malformed }
        let endsOthers = try body.bool("end_other_sessions") ?? false
        return await act(context) { () throws(AccountError) in
            try await accounts.proveNumber(
                of: .id(profile.id), code: code, operationID: operation, in: bearer.anchor,
                ending: endsOthers ? .others(bearer.anchor) : .none, client: bearer.client,
                locales: locales(request, bearer), from: origin, at: now)
        }
    }

    private func act(
        _ context: DenwaRequestContext, _ act: () async throws(AccountError) -> Void
    ) async -> Response {
        do throws(AccountError) {
            try await act()
            return .empty(.noContent)
        } catch {
            return error.phoneLoginError.response(logger: context.logger)
        }
    }

    private func locales(_ request: Request, _ bearer: UserInfoEndpoint.Bearer) -> [String] {
        MessageLocale.wishes(
            uiLocales: [], acceptLanguage: request.headers[.acceptLanguage], fallback: bearer.client.defaultLocale)
    }
}

extension PhoneLoginStarted {
    var json: JSONValue {
        [
            "operation_id": .string(operationID), "expires_in": .integer(Int64(expiresInSeconds)),
            "resend_after": .integer(Int64(resendAfterSeconds)), "code_length": .integer(Int64(codeLength)),
        ]
    }
}

extension AccountError {
    /// In the words of the phone routes.
    var phoneLoginError: PhoneLoginError {
        switch self {
        case .codeRefused(.wrong): .wrongCode
        case .codeRefused(.exhausted): .noGuessLeft
        case .codeRefused(.unknown), .codeRefused(.taken), .nothingPending, .unknownAccount: .operationUnknown
        case .numberCannotReceiveTexts: .numberCannotReceiveTexts
        case .limited(let refusal): .limited(refusal)
        case .busy(let seconds), .messagesUnavailable(let seconds): .messagesUnavailable(retryAfterSeconds: seconds)
        case .unavailable(let cause): .unavailable(cause)
        case .invalid(.number, _): .notAPhoneNumber
        case .invalid, .taken, .signInFailed, .wrongPassword: .parameterMalformed
        }
    }
}
