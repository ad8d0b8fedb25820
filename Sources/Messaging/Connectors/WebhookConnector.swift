import Cryptography
import JOSE
package import OutboundHTTP
package import Time

/// Anything else: posts the text to a URL of the operator's, who sends it on.
package struct WebhookConnector: HTTPConnector {
    package let channels = Set(MessageChannel.allCases)
    package let http: HTTPSettings
    private let secret: String

    package init(_ members: inout ConnectorMembers) {
        http = members.http(baseURL: nil, canReport: true)
        secret = members.text("secret")
    }

    package var givesReceipts: Bool { http.receiptURL != nil }

    package func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest {
        var body: JSONObject = [
            "id": .string(message.id),
            "to": .string(message.recipient),
            "body": .string(message.body),
            "template": .string(message.template.rawValue),
            "locale": .string(message.locale),
            "code_length": .integer(Int64(message.content.parameters[.code]?.utf8.count ?? 0)),
            "expires_at": .string(message.expiresAt.internetDate),
            "client_id": .string(message.clientID),
        ]
        if let receiptURL = http.receiptURL { body["callback_url"] = .string(receiptURL) }
        let bytes = JSONValue.object(body).serialized()
        return OutboundRequest(
            url: http.baseURL,
            headers: [RequestEncoding.json, (Self.header, Self.signature(of: bytes, secret: secret, at: now))],
            body: bytes)
    }

    package func result(of reply: OutboundReply) -> SendResult {
        let answer = ProviderAnswer(status: reply.status)
        return switch reply.status {
        case 200..<300: SendResult(.accepted(providerID: nil), answer)
        case 400..<500 where reply.status != 429: SendResult(.refused, answer)
        default: SendResult(unexplained: reply)
        }
    }

    private static let header = "Denwa-Signature"
    private static let toleranceSeconds: Int64 = 300

    /// `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, in both directions.
    static func signature(of body: [UInt8], secret: String, at now: Timestamp) -> String {
        "t=\(now.seconds),v1=\(code(of: body, secret: secret, seconds: now.seconds))"
    }

    private static func code(of body: [UInt8], secret: String, seconds: Int64) -> String {
        Hex.encode(HMAC.sha256(Array("\(seconds).".utf8) + body, key: Array(secret.utf8)))
    }
}

extension WebhookConnector: ReceiptSource {
    package func read(_ callback: ReceiptCallback, at now: Timestamp) -> ReceiptReading {
        guard callback.method == "POST", callback.pathSecret == nil, isSigned(callback, at: now) else {
            return .forged
        }
        guard let json = try? JSONValue(parsing: callback.body), let id = json["id"]?.string,
            let state = json["state"]?.string.flatMap(DeliveryReceipt.State.init(rawValue:))
        else { return .malformed }
        return .receipts([DeliveryReceipt(providerID: nil, messageID: id, state: state)], reply: nil)
    }

    private func isSigned(_ callback: ReceiptCallback, at now: Timestamp) -> Bool {
        let fields = (callback.header(Self.header) ?? "").split(separator: ",")
        guard let time = fields.first(where: { $0.hasPrefix("t=") }).flatMap({ Int64($0.dropFirst(2)) }),
            (now.seconds - Self.toleranceSeconds...now.seconds + Self.toleranceSeconds).contains(time),
            let code = fields.first(where: { $0.hasPrefix("v1=") })?.dropFirst(3)
        else { return false }
        return equalInConstantTime(
            Array(code.utf8), Array(Self.code(of: callback.body, secret: secret, seconds: time).utf8))
    }
}
