import HTTPTypes
import Hummingbird
import JOSE

extension Router where Context == DenwaRequestContext {
    /// A route for POST alone; the other methods that a browser or a scanner tries are answered 405, so that a
    /// GET can never do what the POST does.
    func postOnly(
        _ path: RouterPath, _ handler: @escaping @Sendable (Request, DenwaRequestContext) async -> Response
    ) {
        post(path) { request, context in await handler(request, context) }
        for method in [HTTPRequest.Method.get, .head, .put, .delete, .patch] {
            on(path, method: method) { _, _ in
                var response = Response.json(.methodNotAllowed, ["error": "method_not_allowed"])
                response.headers[.allow] = "POST"
                return response
            }
        }
    }

    /// A GET that does something: HEAD, which scanners and previews send, must not do it too.
    func getWithoutHead(
        _ path: RouterPath, _ handler: @escaping @Sendable (Request, DenwaRequestContext) async -> Response
    ) {
        get(path) { request, context in await handler(request, context) }
        head(path) { _, _ in
            var response = Response.json(.methodNotAllowed, ["error": "method_not_allowed"])
            response.headers[.allow] = "GET, POST"
            return response
        }
    }
}
