import Accounts
import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth
import Time

/// `POST /oauth2/token`, `/oauth2/introspect` and `/oauth2/revoke`: forms in, RFC-shaped JSON out.
package struct OAuthEndpoints: Sendable {
    private let token: TokenEndpoint
    private let introspection: IntrospectionEndpoint
    private let revocation: RevocationEndpoint
    private let edge: Edge

    package init(
        token: TokenEndpoint, introspection: IntrospectionEndpoint, revocation: RevocationEndpoint, edge: Edge
    ) {
        self.token = token
        self.introspection = introspection
        self.revocation = revocation
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/token") { request, context in
            await answer(request, context) { form throws(OAuthError) in
                try await token.respond(
                    to: form, authorization: request.headers[.authorization],
                    from: edge.origin(of: request, context), at: edge.now
                ).json
            }
        }
        router.postOnly("/oauth2/introspect") { request, context in
            await answer(request, context) { form throws(OAuthError) in
                try await introspection.respond(
                    to: form, authorization: request.headers[.authorization],
                    from: edge.origin(of: request, context), at: edge.now
                ).json
            }
        }
        router.postOnly("/oauth2/revoke") { request, context in
            await answer(request, context) { form throws(OAuthError) in
                try await revocation.respond(
                    to: form, authorization: request.headers[.authorization],
                    from: edge.origin(of: request, context), at: edge.now)
                return [:]
            }
        }
    }

    private func answer(
        _ request: Request, _ context: DenwaRequestContext,
        _ respond: (FormParameters) async throws(OAuthError) -> JSONValue
    ) async -> Response {
        let form: FormParameters
        do throws(BodyFailure) { form = try await request.form() } catch {
            return error.oauthError.response(logger: context.logger)
        }
        do throws(OAuthError) { return .json(.ok, try await respond(form)) } catch {
            return error.response(logger: context.logger)
        }
    }
}

extension TokenResponse {
    /// RFC 6749 §5.1.
    var json: JSONValue {
        var members: JSONObject = [
            "access_token": .string(accessToken),
            "token_type": "bearer",
            "expires_in": .integer(Int64(expiresInSeconds)),
        ]
        if let refreshToken { members["refresh_token"] = .string(refreshToken) }
        if let idToken { members["id_token"] = .string(idToken) }
        members["scope"] = .string(scope.text)
        return .object(members)
    }
}

extension IntrospectionResponse {
    /// RFC 7662 §2.2.
    var json: JSONValue {
        switch self {
        case .inactive: return ["active": false]
        case .accessToken(let token, let issuer):
            return [
                "active": true,
                "iss": .string(issuer.url),
                "sub": .string(token.subject),
                "aud": token.audience.count == 1
                    ? .string(token.audience[0]) : .array(token.audience.map(JSONValue.string)),
                "client_id": .string(token.client.rawValue),
                "scope": .string(token.scope.text),
                "token_type": "Bearer",
                "exp": .integer(token.expiresAt.seconds),
                "iat": .integer(token.issuedAt.seconds),
                "jti": .string(token.id),
            ]
        case .refreshToken(let state, let subject, let issuer):
            return [
                "active": true,
                "iss": .string(issuer.url),
                "sub": .string(subject),
                "client_id": .string(state.grant.client.rawValue),
                "scope": .string(state.grant.scope.text),
                "token_type": state.isAccessToken ? "Bearer" : "refresh_token",
                "exp": .integer(state.expiresAt.seconds),
            ]
        }
    }
}
