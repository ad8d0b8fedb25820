import Cryptography
import JOSE
package import OutboundHTTP
package import Time

/// Tencent Cloud SMS, `SendSms` of 2021-01-11. The provider has the words: see `templateParameters`.
package struct TencentConnector: HTTPConnector {
    package let http: HTTPSettings
    private let secretID: String
    private let secretKey: String
    private let appID: String
    private let signName: String
    private let template: RegionalTemplate?
    private let templateParameters: [MessageParameter]
    private let region: String
    private let receiptSecret: String?

    package init(_ members: inout ConnectorMembers) {
        http = members.http(baseURL: "https://sms.tencentcloudapi.com", canReport: true)
        secretID = members.text("secretId")
        secretKey = members.text("secretKey")
        appID = members.text("sdkAppId")
        signName = members.text("signName")
        template = RegionalTemplate(members.value("templateId"))
        if template == nil { members.report("\"templateId\" must be a text or {\"china\", \"overseas\"}") }
        templateParameters = members.templateParameters()
        region = members.optionalText("region") ?? "ap-guangzhou"
        receiptSecret = members.optionalText("receiptSecret")
    }

    package var givesReceipts: Bool { http.receiptURL != nil && receiptSecret != nil }

    package func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest {
        let values = templateParameters.map { JSONValue.string(message.content.parameters[$0] ?? "") }
        let body: JSONValue = [
            "PhoneNumberSet": [.string(message.recipient)],
            "SmsSdkAppId": .string(appID),
            "SignName": .string(signName),
            "TemplateId": .string(template?.template(for: message.region) ?? ""),
            "TemplateParamSet": .array(values),
            "SessionContext": .string(message.id),
        ]
        let bytes = body.serialized()
        return OutboundRequest(url: "\(http.baseURL)/", headers: headers(for: bytes, at: now), body: bytes)
    }

    /// TC3-HMAC-SHA256.
    private func headers(for body: [UInt8], at now: Timestamp) -> [(name: String, value: String)] {
        let signed: [(name: String, value: String)] = [
            ("content-type", RequestEncoding.json.value), ("host", http.host), ("x-tc-action", "sendsms"),
        ]
        let names = signed.map(\.name).joined(separator: ";")
        let request = [
            "POST", "\(http.path)/", "", signed.map { "\($0.name):\($0.value)\n" }.joined(), names,
            Hex.encode(Digest.sha256(body)),
        ].joined(separator: "\n")
        let scope = "\(now.day)/sms/tc3_request"
        let text = "TC3-HMAC-SHA256\n\(now.seconds)\n\(scope)\n\(Hex.encode(Digest.sha256(Array(request.utf8))))"
        let key = [now.day, "sms", "tc3_request"].reduce(Array("TC3\(secretKey)".utf8)) { key, part in
            HMAC.sha256(Array(part.utf8), key: key)
        }
        let signature = Hex.encode(HMAC.sha256(Array(text.utf8), key: key))
        return [
            ("Content-Type", RequestEncoding.json.value), ("Host", http.host), ("X-TC-Action", "SendSms"),
            ("X-TC-Version", "2021-01-11"), ("X-TC-Timestamp", "\(now.seconds)"), ("X-TC-Region", region),
            (
                "Authorization",
                "TC3-HMAC-SHA256 Credential=\(secretID)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
            ),
        ]
    }

    /// 200 for failures too: `Response.Error`, or the status of the one number.
    package func result(of reply: OutboundReply) -> SendResult {
        guard let response = (try? JSONValue(parsing: reply.body))?["Response"],
            reply.isSuccess || response["Error"] != nil
        else {
            return reply.isSuccess
                ? SendResult(.unreachable, ProviderAnswer(reply)) : SendResult(unexplained: reply)
        }
        if let error = response["Error"] {
            return Self.failure(error["Code"]?.string, error["Message"]?.string, of: reply)
        }
        guard let status = response["SendStatusSet"]?.array?.first, let code = status["Code"]?.string else {
            return SendResult(.unreachable, ProviderAnswer(reply))
        }
        guard code == "Ok" else { return Self.failure(code, status["Message"]?.string, of: reply) }
        return SendResult(
            .accepted(providerID: status["SerialNo"]?.string), ProviderAnswer(status: reply.status, code: code))
    }

    private static func failure(_ code: String?, _ words: String?, of reply: OutboundReply) -> SendResult {
        let answer = ProviderAnswer(status: reply.status, code: code, words: words)
        switch code ?? "" {
        case "InvalidParameterValue.IncorrectPhoneNumber", "FailedOperation.PhoneNumberInBlacklist":
            return SendResult(.refused, answer)
        // The clock, the credentials, the template: the provider calls some of it an internal error.
        case "InternalError.SigVerificationFail", "InternalError.SigFieldMissing",
            "InternalError.RestApiInterfaceNotExist":
            return SendResult(.misconfigured, answer)
        case let code where code.hasPrefix("LimitExceeded") || code.hasPrefix("RequestLimitExceeded"):
            return SendResult(.throttled(retryAfterSeconds: reply.retryAfterSeconds), answer)
        case let code where code.hasPrefix("InternalError") || code.isEmpty: return SendResult(.unreachable, answer)
        default: return SendResult(reply.status >= 500 ? .unreachable : .misconfigured, answer)
        }
    }
}

extension TencentConnector: ReceiptSource {
    /// Nothing is signed, so the address holds a secret; `sid` is the serial number of the send.
    package func read(_ callback: ReceiptCallback, at now: Timestamp) -> ReceiptReading {
        guard callback.method == "POST", callback.carries(receiptSecret) else { return .forged }
        guard let reports = (try? JSONValue(parsing: callback.body))?.array else { return .malformed }
        let receipts = reports.compactMap { report -> DeliveryReceipt? in
            guard let id = report["sid"]?.string, let state = Self.state(report["report_status"]?.string) else {
                return nil
            }
            return DeliveryReceipt(
                providerID: id, messageID: nil, state: state,
                answer: ProviderAnswer(code: report["errmsg"]?.string, words: report["description"]?.string))
        }
        return .receipts(receipts, reply: #"{"result":0,"errmsg":"OK"}"#)
    }

    private static func state(_ status: String?) -> DeliveryReceipt.State? {
        switch status {
        case "SUCCESS": .delivered
        case "FAIL": .failed
        default: nil
        }
    }
}
