import Cryptography
import JOSE
package import OutboundHTTP
package import Time

/// Vonage SMS API, `POST /sms/json`.
package struct VonageConnector: HTTPConnector {
    /// With what the account signs receipts.
    enum SignatureMethod: String, CaseIterable, Sendable {
        case md5, sha1, sha256, sha512

        func authenticate(_ text: String, key: String) -> String {
            let (message, key) = (Array(text.utf8), Array(key.utf8))
            return switch self {
            case .md5: Hex.encode(HMAC.md5(message, key: key))
            case .sha1: Hex.encode(HMAC.sha1(message, key: key))
            case .sha256: Hex.encode(HMAC.sha256(message, key: key))
            case .sha512: Hex.encode(HMAC.sha512(message, key: key))
            }
        }
    }

    package let http: HTTPSettings
    private let apiKey: String
    private let apiSecret: String
    private let from: String
    private let signatureSecret: String?
    private let signatureMethod: SignatureMethod

    package init(_ members: inout ConnectorMembers) {
        http = members.http(baseURL: "https://rest.nexmo.com", canReport: true)
        apiKey = members.text("apiKey")
        apiSecret = members.text("apiSecret")
        from = members.text("from")
        signatureSecret = members.optionalText("signatureSecret")
        signatureMethod = members.choice("signatureMethod", .sha256)
    }

    /// Only receipts that are signed are of any use.
    package var givesReceipts: Bool { http.receiptURL != nil && signatureSecret != nil }

    package func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest {
        var form = [
            (name: "to", value: String(message.recipient.dropFirst())), (name: "from", value: from),
            (name: "text", value: message.body), (name: "client-ref", value: message.id),
            // Vonage takes 20 seconds to seven days, in milliseconds.
            (name: "ttl", value: "\(min(max(message.secondsLeft(at: now), 20), 604_800) * 1000)"),
        ]
        if MessageLength(of: message.body).encoding == .ucs2 { form.append((name: "type", value: "unicode")) }
        if givesReceipts, let receiptURL = http.receiptURL { form.append((name: "callback", value: receiptURL)) }
        let credentials = Base64.encode(Array("\(apiKey):\(apiSecret)".utf8))
        return OutboundRequest(
            url: "\(http.baseURL)/sms/json",
            headers: [("Authorization", "Basic \(credentials)"), RequestEncoding.form],
            body: RequestEncoding.formBody(form))
    }

    /// 200 for failures too: the status of the first part tells. A long text has several parts.
    package func result(of reply: OutboundReply) -> SendResult {
        guard let message = (try? JSONValue(parsing: reply.body))?["messages"]?.array?.first,
            let status = message["status"]?.string ?? message["status"]?.integer.map(String.init),
            reply.isSuccess || status != "0"
        else {
            return reply.isSuccess
                ? SendResult(.unreachable, ProviderAnswer(reply)) : SendResult(unexplained: reply)
        }
        let answer = ProviderAnswer(status: reply.status, code: status, words: message["error-text"]?.string)
        switch status {
        case "0": return SendResult(.accepted(providerID: message["message-id"]?.string), answer)
        case "1": return SendResult(.throttled(retryAfterSeconds: reply.retryAfterSeconds), answer)
        case "3", "6", "7": return SendResult(.refused, answer)
        case "5": return SendResult(.unreachable, answer)
        default: return SendResult(.misconfigured, answer)
        }
    }
}

extension VonageConnector: ReceiptSource {
    /// `sig` is an HMAC over the sorted parameters; `&` and `=` in values become `_`.
    package func read(_ callback: ReceiptCallback, at now: Timestamp) -> ReceiptReading {
        guard let signatureSecret, callback.pathSecret == nil else { return .forged }
        let parameters = parameters(of: callback)
        let values = Dictionary(parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        guard values.count == parameters.count, let given = values["sig"], let time = values["timestamp"],
            let sent = Int64(time),
            (now.seconds - Self.toleranceSeconds...now.seconds + Self.toleranceSeconds).contains(sent)
        else { return .forged }
        let expected = Self.signature(
            parameters.filter { $0.name != "sig" }, secret: signatureSecret, method: signatureMethod)
        guard equalInConstantTime(Array(given.lowercased().utf8), Array(expected.utf8)) else { return .forged }
        guard let id = values["messageId"] ?? values["message-id"] else { return .malformed }
        let state: DeliveryReceipt.State? =
            switch values["status"] {
            case "delivered": .delivered
            case "failed", "rejected", "expired", "deleted", "undeliverable": .failed
            default: nil
            }
        let receipt = state.map {
            DeliveryReceipt(
                providerID: id, messageID: values["client-ref"], state: $0,
                answer: ProviderAnswer(code: values["err-code"]))
        }
        return .receipts([receipt].compactMap(\.self), reply: nil)
    }

    private static let toleranceSeconds: Int64 = 300

    /// Query, form or JSON: the account's setting decides, and the signature is the same.
    private func parameters(of callback: ReceiptCallback) -> [(name: String, value: String)] {
        if callback.method == "GET" { return callback.query }
        if let json = (try? JSONValue(parsing: callback.body))?.object {
            return json.members.map { member in
                (member.name, member.value.string ?? member.value.serializedText)
            }
        }
        return callback.form ?? []
    }

    static func signature(
        _ parameters: [(name: String, value: String)], secret: String, method: SignatureMethod
    ) -> String {
        let signed = RequestEncoding.sortedByName(parameters).map { parameter in
            "&\(parameter.name)=\(parameter.value.replacing("&", with: "_").replacing("=", with: "_"))"
        }
        return method.authenticate(signed.joined(), key: secret)
    }
}
