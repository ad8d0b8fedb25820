import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth

/// Lets the pages of registered origins read the answers of the API (Fetch Standard, CORS): single-page apps
/// have no server of their own.
///
/// Never with cookies: what a browser is signed in to is this server's own pages' business, and those are not
/// among the paths.
package struct CrossOrigin: RouterMiddleware {
    private let registry: ClientRegistry

    package init(registry: ClientRegistry) { self.registry = registry }

    private static let paths: Set<String> = [
        "/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke", "/oauth2/logout", "/oauth2/login/phone/request",
        "/oauth2/login/phone/confirm", "/oauth2/login/phone/link", "/otc/code", "/token/validate", "/users/me",
    ]

    package func handle(
        _ request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        let isOfAPI = Self.paths.contains(path) || path.hasPrefix(PhoneLoginEndpoints.operations)
        guard let origin = request.headers[.origin], isOfAPI else {
            return try await next(request, context)
        }
        let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
        guard registry.allowsOrigin(origin) else {
            guard isPreflight else { return try await next(request, context) }
            // A developer sees this in the browser's own tools, where a 404 would look like a wrong address.
            return .json(
                .forbidden, ["error": "origin_not_allowed", "error_description": "no client has it in cors_origins"])
        }
        var response: Response
        if isPreflight {
            response = Response(
                status: .noContent,
                headers: [
                    .accessControlAllowMethods: "GET, POST", .accessControlAllowHeaders: "Authorization, Content-Type",
                    .accessControlMaxAge: "600",
                ])
        } else {
            response = try await next(request, context)
        }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.vary] = "Origin"
        response.headers[.accessControlExposeHeaders] = "Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate"
        return response
    }
}
