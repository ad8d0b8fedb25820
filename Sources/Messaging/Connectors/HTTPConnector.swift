package import OutboundHTTP
package import Time

/// A provider that is asked over HTTP. A connector writes the request and reads the reply, both without waiting for
/// anything; the way there and back is shared.
package protocol HTTPConnector: MessageConnector {
    var http: HTTPSettings { get }
    /// The request that hands over `message`, signed as of `now`.
    func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest
    /// What a reply means. Replies that are no success and say nothing more go to `SendResult(unexplained:)`.
    func result(of reply: OutboundReply) -> SendResult
}

extension HTTPConnector {
    package var timeoutSeconds: Int { http.timeoutSeconds }

    package func send(_ message: TextMessage, at now: Timestamp) async -> SendResult {
        await exchange(message, at: now).result
    }

    /// Also with the reply as it came, for an operator who tries a connector out.
    package func exchange(
        _ message: TextMessage, at now: Timestamp
    ) async -> (result: SendResult, reply: OutboundReply?) {
        do throws(OutboundFailure) {
            let reply = try await OutboundHTTP().send(request(for: message, at: now), within: http.timeoutSeconds)
            return (result(of: reply), reply)
        } catch {
            return (SendResult(.unreachable, ProviderAnswer(words: error.words)), nil)
        }
    }
}

/// What all HTTP connectors are configured with.
package struct HTTPSettings: Sendable {
    /// Scheme, host, and a path for endpoints behind a gateway; no slash at the end.
    package let baseURL: String
    package let timeoutSeconds: Int
    /// Where the provider may report; `nil` when it shall not.
    package let receiptURL: String?

    package init(baseURL: String, timeoutSeconds: Int = 10, receiptURL: String? = nil) {
        self.baseURL = baseURL
        self.timeoutSeconds = timeoutSeconds
        self.receiptURL = receiptURL
    }

    /// Whether anybody on the way can read the texts. This machine's own address is no way.
    package var isUnencrypted: Bool { baseURL.hasPrefix("http://") && !Self.isThisMachine(host) }

    /// - Parameter host: with or without a port.
    static func isThisMachine(_ host: String) -> Bool {
        let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
        let octets = name.split(separator: ".", omittingEmptySubsequences: false)
        return name == "localhost" || name == "[::1]"
            || octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }

    /// As it stands in a `Host` header.
    var host: String {
        let afterScheme = baseURL.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first
        return afterScheme.map(String.init) ?? ""
    }

    /// What stands between host and an endpoint's own path.
    var path: String {
        baseURL.split(separator: "/", omittingEmptySubsequences: true).dropFirst(2).map { "/\($0)" }.joined()
    }
}

extension SendResult {
    /// A reply in which the provider does not say what is wrong.
    package init(unexplained reply: OutboundReply) {
        let answer = ProviderAnswer(status: reply.status)
        switch reply.status {
        case 429: self.init(.throttled(retryAfterSeconds: reply.retryAfterSeconds), answer)
        case 300..<400, 401, 403, 404, 405: self.init(.misconfigured, answer)
        default: self.init(.unreachable, answer)
        }
    }
}

extension OutboundFailure {
    fileprivate var words: String {
        switch self {
        case .connection: "no connection, or it ended early"
        case .timeout: "no reply in time"
        case .replyTooLong: "the reply was too long"
        }
    }
}

extension ProviderAnswer {
    /// A reply that makes no sense.
    init(_ reply: OutboundReply) {
        self.init(status: reply.status, words: "the reply is not what this provider says")
    }
}

extension OutboundReply {
    var retryAfterSeconds: Int? { retryAfter.flatMap(Int.init).flatMap { (0...86_400).contains($0) ? $0 : nil } }
}
