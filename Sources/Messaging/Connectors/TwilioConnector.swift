import Cryptography
import JOSE
package import OutboundHTTP
package import Time

/// Twilio Programmable Messaging, `POST /2010-04-01/Accounts/{sid}/Messages.json`.
package struct TwilioConnector: HTTPConnector {
    package let http: HTTPSettings
    private let accountSID: String
    private let authToken: String
    /// `From`, or `MessagingServiceSid`.
    private let sender: (name: String, value: String)

    package init(_ members: inout ConnectorMembers) {
        http = members.http(baseURL: "https://api.twilio.com", canReport: true)
        accountSID = members.text("accountSID")
        authToken = members.text("authToken")
        let (from, service) = (members.optionalText("from"), members.optionalText("messagingServiceSID"))
        if (from == nil) == (service == nil) {
            members.report("exactly one of \"from\" and \"messagingServiceSID\" is needed")
        }
        sender = from.map { ("From", $0) } ?? ("MessagingServiceSid", service ?? "")
    }

    package var givesReceipts: Bool { http.receiptURL != nil }

    package func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest {
        var form = [
            (name: "To", value: message.recipient), sender, (name: "Body", value: message.body),
            // Twilio takes 1 second to ten hours.
            (name: "ValidityPeriod", value: "\(min(message.secondsLeft(at: now), 36_000))"),
        ]
        if let receiptURL = http.receiptURL {
            form.append((name: "StatusCallback", value: "\(receiptURL)?\(Self.idParameter)=\(message.id)"))
        }
        let credentials = Base64.encode(Array("\(accountSID):\(authToken)".utf8))
        return OutboundRequest(
            url: "\(http.baseURL)/2010-04-01/Accounts/\(PercentEncoding.encode(accountSID))/Messages.json",
            headers: [("Authorization", "Basic \(credentials)"), RequestEncoding.form],
            body: RequestEncoding.formBody(form))
    }

    package func result(of reply: OutboundReply) -> SendResult {
        let json = try? JSONValue(parsing: reply.body)
        if reply.isSuccess {
            guard let sid = json?["sid"]?.string else { return SendResult(.unreachable, ProviderAnswer(reply)) }
            return SendResult(.accepted(providerID: sid), ProviderAnswer(status: reply.status))
        }
        guard let code = json?["code"]?.integer else { return SendResult(unexplained: reply) }
        let answer = ProviderAnswer(status: reply.status, code: "\(code)", words: json?["message"]?.string)
        switch code {
        case 20429, 14107, 63018: return SendResult(.throttled(retryAfterSeconds: reply.retryAfterSeconds), answer)
        // Not a number, not a mobile one, opted out, or a landline.
        case 21211, 21214, 21217, 21610, 21614, 21635, 60205: return SendResult(.refused, answer)
        // Twilio does not go there, or the account may not: another provider may.
        case 21408, 21612: return SendResult(.misconfigured, answer)
        default: return SendResult(reply.status >= 500 ? .unreachable : .misconfigured, answer)
        }
    }

    /// Our own id rides in the callback's address, which Twilio signs.
    private static let idParameter = "m"
}

extension TwilioConnector: ReceiptSource {
    /// `X-Twilio-Signature`: HMAC-SHA1 over the address and the sorted parameters.
    package func read(_ callback: ReceiptCallback, at now: Timestamp) -> ReceiptReading {
        guard callback.method == "POST", callback.pathSecret == nil, let form = callback.form,
            let signature = callback.header("X-Twilio-Signature"),
            equalInConstantTime(
                Array(signature.utf8), Array(Self.signature(url: callback.url, form: form, token: authToken).utf8))
        else { return .forged }
        let values = Dictionary(form.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        guard let sid = values["MessageSid"] ?? values["SmsSid"] else { return .malformed }
        let state: DeliveryReceipt.State? =
            switch values["MessageStatus"] ?? values["SmsStatus"] {
            case "delivered", "read": .delivered
            case "failed", "undelivered", "canceled": .failed
            default: nil
            }
        let receipt = state.map {
            DeliveryReceipt(
                providerID: sid, messageID: callback.query.first { $0.name == Self.idParameter }?.value, state: $0,
                answer: ProviderAnswer(code: values["ErrorCode"]))
        }
        return .receipts([receipt].compactMap(\.self), reply: nil)
    }

    static func signature(url: String, form: [(name: String, value: String)], token: String) -> String {
        let signed = url + RequestEncoding.sortedByName(form).map { $0.name + $0.value }.joined()
        return Base64.encode(HMAC.sha1(Array(signed.utf8), key: Array(token.utf8)))
    }
}
