import Cryptography
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
        "/oauth2/token", "/oauth2/par", "/oauth2/challenge", "/oauth2/device_authorization", "/oauth2/userinfo",
        "/oauth2/revoke", "/oauth2/logout", "/oauth2/login/phone/request", "/oauth2/login/phone/confirm",
        "/oauth2/login/phone/link", "/otc/code", "/token/validate", "/users/me", "/users/me/phone",
        "/users/me/phone/confirm",
    ]

    /// Who may read the answers of a path.
    private enum Readers {
        /// The pages of every registered client.
        case all
        /// Those of the one client that the path names.
        case pages(of: ClientID)
    }

    private static func readers(of path: String) -> Readers? {
        if paths.contains(path) || path.hasPrefix(PhoneLoginEndpoints.operations)
            || path.hasPrefix("/users/me/phone/")
        {
            return .all
        }
        if path == "/api/oauth2/token" { return .all }
        for prefix in ["/api/apps/", MonacaEndpoint.path] where path.hasPrefix(prefix) {
            let name = path.dropFirst(prefix.utf8.count).prefix { $0 != "/" }
            return .pages(of: ClientID(PercentEncoding.decode(name) ?? ""))
        }
        return nil
    }

    private func allows(_ origin: String, _ readers: Readers) -> Bool {
        switch readers {
        case .all: registry.allowsOrigin(origin)
        case .pages(let client):
            registry[client]?.corsOrigins.contains { $0.utf8.elementsEqual(origin.utf8) } ?? false
        }
    }

    package func handle(
        _ request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async throws -> Response {
        guard let origin = request.headers[.origin], let readers = Self.readers(of: request.uri.path) else {
            return try await next(request, context)
        }
        let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
        guard allows(origin, readers) else {
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
                    .accessControlAllowMethods: "GET, POST, PUT, PATCH, DELETE",
                    .accessControlAllowHeaders:
                        "Authorization, Content-Type, DPoP, If-Match, If-None-Match, X-Kii-AppID, X-Kii-AppKey, X-Kii-SDK, "
                        + "X-HTTP-Method-Override",
                    .accessControlMaxAge: "600",
                ])
        } else {
            response = try await next(request, context)
        }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.vary] = "Origin"
        response.headers[.accessControlExposeHeaders] =
            "Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, DPoP-Nonce, Location, X-Set-Monaca-Cloud-Session"
        return response
    }
}
