import Accounts
import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth
import Time

/// `POST /oauth2/token`, `/oauth2/par`, `/oauth2/introspect` and `/oauth2/revoke`: forms in, RFC-shaped JSON out.
package struct OAuthEndpoints: Sendable {
    private let token: TokenEndpoint
    private let pushedAuthorization: PushedAuthorizationEndpoint
    private let introspection: IntrospectionEndpoint
    private let revocation: RevocationEndpoint
    private let edge: Edge

    package init(
        token: TokenEndpoint, pushedAuthorization: PushedAuthorizationEndpoint, introspection: IntrospectionEndpoint,
        revocation: RevocationEndpoint, edge: Edge
    ) {
        self.token = token
        self.pushedAuthorization = pushedAuthorization
        self.introspection = introspection
        self.revocation = revocation
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/token") { request, context in
            await edge.answer(request, context) { asked throws(OAuthError) in
                .json(.ok, try await token.respond(to: asked).json)
            }
        }
        router.postOnly("/oauth2/par") { request, context in
            await edge.answer(request, context) { asked throws(OAuthError) in
                let reference = try await pushedAuthorization.respond(to: asked)
                return .json(
                    .created,
                    [
                        "request_uri": .string(reference.requestURI),
                        "expires_in": .integer(Int64(reference.expiresInSeconds)),
                    ])
            }
        }
        router.postOnly("/oauth2/introspect") { request, context in
            await edge.answer(request, context) { asked throws(OAuthError) in
                let (answer, caller) = try await introspection.respond(to: asked)
                var response =
                    request.prefers(SignedIntrospection.mediaType)
                    ? Response.jwt(
                        try introspection.sign(answer.json, for: caller, at: asked.now), SignedIntrospection.mediaType)
                    : .json(.ok, answer.json)
                if let seconds = introspection.cacheSeconds(of: answer, at: asked.now) {
                    response.headers[.cacheControl] = "private, max-age=\(seconds)"
                }
                return response
            }
        }
        router.postOnly("/oauth2/revoke") { request, context in
            await edge.answer(request, context) { asked throws(OAuthError) in
                try await revocation.respond(to: asked)
                return .json(.ok, [:])
            }
        }
    }
}

extension TokenResponse {
    /// RFC 6749 §5.1.
    var json: JSONValue {
        var members: JSONObject = [
            "access_token": .string(accessToken),
            "token_type": .string(tokenType == .dpop ? tokenType.rawValue : "bearer"),
            "expires_in": .integer(Int64(expiresInSeconds)),
        ]
        if let refreshToken { members["refresh_token"] = .string(refreshToken) }
        if let issuedTokenType { members["issued_token_type"] = .string(issuedTokenType) }
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
            var members: JSONObject = [
                "active": true,
                "iss": .string(issuer.url),
                "sub": .string(token.subject),
                "aud": token.audience.count == 1
                    ? .string(token.audience[0]) : .array(token.audience.map(JSONValue.string)),
                "client_id": .string(token.client.rawValue),
                "scope": .string(token.scope.text),
                "token_type": .string(token.confirmation.tokenType.rawValue),
                "exp": .integer(token.expiresAt.seconds),
                "iat": .integer(token.issuedAt.seconds),
                "jti": .string(token.id),
            ]
            members["auth_time"] = token.authenticatedAt.map { .integer($0.seconds) }
            members["acr"] = token.authenticationContext.map(JSONValue.string)
            members["cnf"] = token.confirmation?.claim
            members["act"] = token.actor
            return .object(members)
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
