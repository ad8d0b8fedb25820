import AsyncHTTPClient
import InternetAddresses
import NIOCore
import NIOHTTP1

struct PinnedReply: Sendable {
    let status: Int
    /// Without parameters, in lower case; empty for what is packed.
    let mediaType: String
    let cacheControl: [String]
    let body: [UInt8]
}

/// One request over a connection to one address.
struct PinnedRequest: Sendable {
    let url: ClientServerURL
    let method: String
    let headers: [(name: String, value: String)]
    let body: [UInt8]
    let longestReply: Int

    func send(to address: IPAddress) async throws(ClientServerFailure) -> PinnedReply {
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration(for: address))
        // Nobody waits for it: a server that is slow to say goodbye costs the caller nothing.
        defer { client.shutdown { _ in } }
        do {
            let response = try await client.execute(outgoing, deadline: .distantFuture)
            let body = try await response.body.collect(upTo: longestReply)
            return PinnedReply(
                status: Int(response.status.code), mediaType: Self.mediaType(response.headers),
                cacheControl: response.headers[canonicalForm: "Cache-Control"].map { $0.lowercased() },
                body: Array(body.readableBytesView))
        } catch is NIOTooManyBytesError {
            throw .replyTooLong
        } catch {
            throw .connection
        }
    }

    /// For this request alone: what a name is pinned to is a property of the whole client, and no connection that was
    /// made for another address may be taken.
    private func configuration(for address: IPAddress) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.dnsOverride = [url.host: address.text]
        configuration.timeout.connect = .seconds(2)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        return configuration
    }

    private var outgoing: HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: url.text)
        outgoing.method = HTTPMethod(rawValue: method)
        for header in headers { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.headers.add(name: "Accept-Encoding", value: "identity")
        if !body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: body)) }
        return outgoing
    }

    private static func mediaType(_ headers: HTTPHeaders) -> String {
        guard headers["Content-Encoding"].allSatisfy({ $0.lowercased() == "identity" }) else { return "" }
        let value = headers.first(name: "Content-Type") ?? ""
        return value.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
    }
}
