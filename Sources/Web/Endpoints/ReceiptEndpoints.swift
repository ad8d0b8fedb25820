package import DeveloperLog
import HTTPTypes
package import Hummingbird
import Logging
package import Messaging
import NIOCore
package import OAuth
import Time

/// `/messages/receipts/{connector}`: where providers report what became of a text. Each proves itself as its
/// connector says.
package struct ReceiptEndpoints: Sendable {
    private let routing: MessageRouting
    private let store: any ReceiptStore
    private let log: any SecurityEventLog
    private let doorbell: Doorbell
    /// As providers were told it.
    private let issuer: Issuer
    private let edge: Edge

    package static let path = "/messages/receipts"
    /// Some providers report many texts at once.
    private static let bodyLimit = 256 * 1024

    package init(
        routing: MessageRouting, store: any ReceiptStore, log: any SecurityEventLog, doorbell: Doorbell,
        issuer: Issuer, edge: Edge
    ) {
        self.routing = routing
        self.store = store
        self.log = log
        self.doorbell = doorbell
        self.issuer = issuer
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        for path in ["\(Self.path)/:connector", "\(Self.path)/:connector/:secret"] {
            let path = RouterPath(path)
            router.post(path, use: take)
            router.getWithoutHead(path) { request, context in await take(request, context) }
        }
    }

    @Sendable private func take(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let name = context.parameters.get("connector")
        guard let connector = routing.connectors.first(where: { $0.name == name }),
            let source = connector.receiptSource
        else { return .empty(.notFound) }
        guard let callback = await callback(request, context) else { return .empty(.badRequest) }
        switch source.read(callback, at: edge.now) {
        case .malformed: return .empty(.badRequest)
        case .forged:
            await recordForgery(connector.name, request, context)
            return .empty(.forbidden)
        case .receipts(let receipts, let reply):
            do {
                guard try await record(receipts, from: connector.name) else { return .empty(.serviceUnavailable) }
            } catch {
                context.logger.error("receipt not recorded", metadata: ["cause": "\(type(of: error))"])
                // Providers try again.
                return .empty(.serviceUnavailable)
            }
            guard let reply else { return .empty(.noContent) }
            return Response(
                status: .ok, headers: .json, body: ResponseBody(byteBuffer: ByteBuffer(string: reply)))
        }
    }

    private func callback(_ request: Request, _ context: DenwaRequestContext) async -> ReceiptCallback? {
        guard let query = request.query(),
            let body = try? await request.bodyBytes(atMost: Self.bodyLimit)
        else { return nil }
        let form = String(validating: body, as: UTF8.self).flatMap { try? FormParameters(parsing: $0) }
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        return ReceiptCallback(
            method: request.method.rawValue, url: issuer.appending(request.uri.description),
            pathSecret: context.parameters.get("secret"), query: query.pairs, form: form?.pairs, headers: headers,
            body: body)
    }

    /// False when the provider shall report again.
    private func record(_ receipts: [DeliveryReceipt], from connector: String) async throws -> Bool {
        let first = try await recordOnce(receipts, from: connector)
        guard !first.open.isEmpty else { return true }
        // A quick provider reports before its own answer to the text is on disk.
        try await Task.sleep(for: .seconds(1))
        return try await !recordOnce(first.open, from: connector).hasEarly
    }

    /// Tells which of them are about texts that are still under way, or that nobody knows.
    private func recordOnce(
        _ receipts: [DeliveryReceipt], from connector: String
    ) async throws -> (open: [DeliveryReceipt], hasEarly: Bool) {
        var open: [DeliveryReceipt] = []
        var hasEarly = false
        for receipt in receipts {
            switch try await store.record(receipt, from: connector, at: edge.now) {
            case .recorded, .none: break
            case .movedOn: doorbell.ring()
            case .early:
                hasEarly = true
                open.append(receipt)
            case .unknown: open.append(receipt)
            }
        }
        return (open, hasEarly)
    }

    private func recordForgery(_ connector: String, _ request: Request, _ context: DenwaRequestContext) async {
        do {
            try await log.record(
                SecurityEvent(
                    .receiptRefused, at: edge.now, origin: edge.origin(of: request, context),
                    reason: "not signed by the provider, or too old", figures: connector))
        } catch {
            context.logger.error("request failed", metadata: ["cause": "\(type(of: error))"])
        }
    }
}
