import Hummingbird
import JOSE

/// Answers only under the server's own names. A page elsewhere that lets its name point to this machine (DNS
/// rebinding) would otherwise read, in a developer's browser, what is meant for that developer.
struct OwnHost: RouterMiddleware {
    let names: Set<String>

    func handle(
        _ request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async throws -> Response {
        guard let authority = request.head.authority, names.contains(Self.host(of: authority)) else {
            return .json(.notFound, ["error": "not_found"])
        }
        return try await next(request, context)
    }

    private static func host(of authority: String) -> String {
        if authority.hasPrefix("[") { return String(authority.dropFirst().prefix { $0 != "]" }) }
        return authority.prefix { $0 != ":" }.lowercased()
    }
}
