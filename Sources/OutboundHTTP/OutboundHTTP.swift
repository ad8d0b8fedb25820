import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request to somebody else's server.
package struct OutboundRequest: Sendable {
    package let method: String
    package let url: String
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(
        _ method: String = "POST", url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// What came back, whole and short.
package struct OutboundReply: Sendable {
    package let status: Int
    package let retryAfter: String?
    package let body: [UInt8]

    package init(status: Int, retryAfter: String? = nil, body: [UInt8] = []) {
        self.status = status
        self.retryAfter = retryAfter
        self.body = body
    }

    package var isSuccess: Bool { (200..<300).contains(status) }
}

/// Why there is no reply.
package enum OutboundFailure: Error, Sendable, Equatable {
    /// No connection, or one that ended early, or something that is not HTTP.
    case connection
    case timeout
    /// Nobody whom this server asks has that much to say.
    case replyTooLong
}

/// The one way out to other people's HTTP servers.
///
/// What comes back is not trusted: redirects are not followed, bodies are cut off, nothing is unpacked, and no
/// exchange takes longer than its caller allows.
package struct OutboundHTTP: Sendable {
    package static let longestReply = 64 * 1024

    /// One for the whole process, so that connections are shared; it lives as long as the process.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        // Who is asked again, and when, is the caller's decision.
        configuration.connectionPool.retryConnectionEstablishment = false
        // A slow server may fill this many, not more; 3,000 texts a second at 40 ms need about as many.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 128
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    package init() {}

    /// - Parameter seconds: for all of it: connection, head and body.
    package func send(
        _ request: OutboundRequest, within seconds: Int
    ) async throws(OutboundFailure) -> OutboundReply {
        let result = await withTaskGroup(of: Result<OutboundReply, OutboundFailure>.self) { group in
            group.addTask { await Self.exchange(request) }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return .failure(.timeout)
            }
            let first = await group.next() ?? .failure(.connection)
            group.cancelAll()
            return first
        }
        return try result.get()
    }

    private static func exchange(_ request: OutboundRequest) async -> Result<OutboundReply, OutboundFailure> {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = HTTPMethod(rawValue: request.method)
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        if !request.body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
        do {
            let response = try await client.execute(outgoing, deadline: .distantFuture)
            let body = try await response.body.collect(upTo: longestReply)
            return .success(
                OutboundReply(
                    status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
                    body: Array(body.readableBytesView)))
        } catch is NIOTooManyBytesError {
            return .failure(.replyTooLong)
        } catch {
            return .failure(.connection)
        }
    }
}
