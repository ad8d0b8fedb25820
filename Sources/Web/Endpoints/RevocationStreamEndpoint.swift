import HTTPTypes
package import Hummingbird
import JOSE
import Logging
import NIOCore
package import OAuth
import ServiceLifecycle

/// `GET /oauth2/revocations`: tells resource servers which tokens are dead before their time, as server-sent events
/// (HTML Living Standard §9.2). Who checks tokens by their signature alone does not see a revocation; who asks for
/// every token pays for it at every request.
package struct RevocationStreamEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let feed: RevocationFeed
    private let edge: Edge

    package init(authenticator: ClientAuthenticator, feed: RevocationFeed, edge: Edge) {
        self.authenticator = authenticator
        self.feed = feed
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.getWithoutHead("/oauth2/revocations") { request, context in await stream(request, context) }
    }

    private func stream(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        do throws(OAuthError) {
            guard try await mayListen(request, context) else {
                var response = OAuthError.unauthorizedClient("the client serves no protected resource")
                    .response(logger: context.logger)
                response.status = .forbidden
                return response
            }
            let listener: RevocationListener?
            do { listener = try await feed.listen(after: Self.lastEventID(of: request)) } catch {
                throw .serverError(error)
            }
            guard let listener else {
                var response = OAuthError(.temporarilyUnavailable, "too many streams are open")
                    .response(logger: context.logger)
                response.headers[.retryAfter] = "30"
                return response
            }
            return Response(status: .ok, headers: Self.headers, body: Self.body(listener, request))
        } catch {
            return error.response(logger: context.logger)
        }
    }

    private func mayListen(_ request: Request, _ context: DenwaRequestContext) async throws(OAuthError) -> Bool {
        let asked = await edge.clientRequest(.none, request, context)
        let client = try await authenticator.authenticate(asked).client
        return !client.isPublic && (client.mayIntrospect || !client.protectedResources.isEmpty)
    }

    /// The header is a browser's own when it comes back; the parameter is for everybody else.
    private static func lastEventID(of request: Request) -> String? {
        request.headers[.lastEventID] ?? (try? request.query()?.optional("last_event_id"))
    }

    private static let headers: HTTPFields = [
        .contentType: "text/event-stream",
        .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
        // nginx would keep events back until it has a buffer full of them.
        .xAccelBuffering: "no",
    ]

    /// Ends when the listener goes away or falls behind, and at shutdown: whoever listens asks the next one.
    private static func body(_ listener: RevocationListener, _ request: Request) -> ResponseBody {
        ResponseBody { writer in
            // Only the task that writes uses it; a listener that reads nothing would hold up any other end.
            nonisolated(unsafe) var writer = writer
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await listener.waitForCutOff()
                        throw CancellationError()
                    }
                    group.addTask { try await gracefulShutdown() }
                    group.addTask {
                        unsafe try await writer.write(EventStream.opening(listener.opening))
                        try await listener.follow { unsafe try await writer.write(EventStream.events($0)) }
                    }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
            unsafe try await writer.finish(nil)
        }
    }
}

/// The events as they are written.
private enum EventStream {
    static func opening(_ opening: RevocationListener.Opening) -> ByteBuffer {
        var events = event("ready", id: opening.position, [:])
        if let reset = opening.reset { events += event("reset", id: reset, [:]) }
        return ByteBuffer(string: events)
    }

    /// A comment when there are none: it says that nothing was missed, and keeps the connection open.
    static func events(_ revocations: [Revocation]) -> ByteBuffer {
        guard !revocations.isEmpty else { return ByteBuffer(string: ":\n\n") }
        return ByteBuffer(
            string: revocations.map { revocation in
                event("revocation", id: revocation.position, revocation.subject.json)
            }.joined())
    }

    private static func event(_ name: String, id: Int64, _ data: JSONValue) -> String {
        "event: \(name)\nid: \(id)\ndata: \(String(decoding: data.serialized(), as: UTF8.self))\n\n"
    }
}

extension Revocation.Subject {
    /// Named like the claim that tokens have it in.
    fileprivate var json: JSONValue {
        switch self {
        case .grant(let id): ["gid": .string(id.rawValue)]
        case .token(let id): ["jti": .string(id)]
        }
    }
}

extension HTTPField.Name {
    fileprivate static let lastEventID = constant("Last-Event-ID")
    fileprivate static let xAccelBuffering = constant("X-Accel-Buffering")
}
