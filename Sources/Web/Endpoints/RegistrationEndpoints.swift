import HTTPTypes
package import Hummingbird
import JOSE
import Logging
package import OAuth

/// `POST /oauth2/register` (RFC 7591), and GET, PUT and DELETE of what it made (RFC 7592).
package struct RegistrationEndpoints: Sendable {
    private let registration: RegistrationEndpoint
    private let edge: Edge

    package init(registration: RegistrationEndpoint, edge: Edge) {
        self.registration = registration
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/register") { request, context in
            await answer(context) { () throws(OAuthError) in
                let information = try await registration.register(
                    try await Self.metadata(in: request), token: request.bearerToken,
                    from: edge.origin(of: request, context), at: edge.now)
                return .json(.created, information.json)
            }
        }
        router.get("/oauth2/register/:client") { request, context in
            await answer(context) { () throws(OAuthError) in
                .json(.ok, try await registration.read(Self.client(context), token: request.bearerToken).json)
            }
        }
        router.put("/oauth2/register/:client") { request, context in
            await answer(context) { () throws(OAuthError) in
                let information = try await registration.replace(
                    Self.client(context), with: try await Self.metadata(in: request), token: request.bearerToken,
                    from: edge.origin(of: request, context), at: edge.now)
                return .json(.ok, information.json)
            }
        }
        router.delete("/oauth2/register/:client") { request, context in
            await answer(context) { () throws(OAuthError) in
                try await registration.delete(
                    Self.client(context), token: request.bearerToken, from: edge.origin(of: request, context),
                    at: edge.now)
                return .empty(.noContent)
            }
        }
        for method in [HTTPRequest.Method.post, .patch] {
            router.on("/oauth2/register/:client", method: method) { _, _ in
                var response = Response.json(.methodNotAllowed, ["error": "method_not_allowed"])
                response.headers[.allow] = "GET, PUT, DELETE"
                return response
            }
        }
    }

    private func answer(
        _ context: DenwaRequestContext, _ respond: () async throws(OAuthError) -> Response
    ) async -> Response {
        do throws(OAuthError) { return try await respond() } catch { return error.response(logger: context.logger) }
    }

    private static func client(_ context: DenwaRequestContext) -> ClientID {
        ClientID(context.pathParameter("client"))
    }

    private static func metadata(in request: Request) async throws(OAuthError) -> JSONObject {
        do throws(BodyFailure) { return try await request.jsonObject() } catch {
            switch error {
            case .tooLarge: throw error.oauthError
            case .wrongContentType: throw .invalidRequest("the body must be application/json")
            case .malformed: throw .invalidClientMetadata("the body is not a JSON object")
            }
        }
    }
}
