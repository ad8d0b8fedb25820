package import Hummingbird
import Logging

/// One line a request at level `debug`: route, status, duration. Never the URI itself, whose query may hold a
/// code or a number.
package struct AccessLog: RouterMiddleware {
    package init() {}

    package func handle(
        _ request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async throws -> Response {
        guard context.logger.logLevel <= .debug else { return try await next(request, context) }
        let started = ContinuousClock.now
        let response = try await next(request, context)
        let duration = ContinuousClock.now - started
        context.logger.debug(
            "request",
            metadata: [
                "method": "\(request.method)", "route": "\(context.endpointPath ?? "none")",
                "status": "\(response.status.code)", "ms": "\(duration / .milliseconds(1))",
            ])
        return response
    }
}
