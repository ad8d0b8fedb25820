import HTTPTypes
package import Hummingbird
import JOSE
import Logging

/// Outermost: turns what no endpoint answered into plain JSON. A framework's
/// own error body must not reach an OAuth client, nor an error's text a stranger.
package struct LastResort: RouterMiddleware {
    private let pages: SignInPages?

    /// - Parameter pages: for people who follow a dead link; `nil` where only programs call.
    package init(pages: SignInPages? = nil) { self.pages = pages }

    package func handle(
        _ request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async throws -> Response {
        var response = await respond(to: request, context: context, next: next)
        // RFC 9110 §9.3.2: the answer to HEAD has no content.
        if request.method == .head {
            let length = response.headers[.contentLength]
            response.body = ResponseBody()
            response.headers[.contentLength] = length
        }
        return response
    }

    private func respond(
        to request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError {
            if error.status == .notFound, let pages, request.headers[.accept]?.contains("text/html") == true {
                return pages.notFound(locale: PageLocale(of: request), requestID: context.requestID)
            }
            return .json(error.status, ["error": .string(Self.name(of: error.status))])
        } catch {
            context.logger.error("request failed", metadata: ["cause": "\(type(of: error))"])
            return .json(.internalServerError, ["error": "server_error"])
        }
    }

    private static func name(of status: HTTPResponse.Status) -> String {
        switch status {
        case .notFound: "not_found"
        case .contentTooLarge: "content_too_large"
        case .methodNotAllowed: "method_not_allowed"
        default: status.code < 500 ? "invalid_request" : "server_error"
        }
    }
}
