package import Cryptography
import JOSE
package import OutboundHTTP
package import Time

/// Alibaba Cloud SMS, `SendSms` of 2017-05-25, with the configuration that Logto's Aliyun connector takes.
///
/// The provider has the words: a message names one of the operator's templates and fills in its places.
package struct AliyunConnector: HTTPConnector {
    enum SignatureVersion: String, CaseIterable { case acs3, v1 }

    package let http: HTTPSettings
    private let accessKeyID: String
    private let accessKeySecret: String
    private let signName: String
    private let templates: [UsageType: RegionalTemplate]
    private let templateParameters: [MessageParameter]
    private let signatureVersion: SignatureVersion
    private let receiptSecret: String?
    private let entropy: Entropy

    /// What Logto calls the purposes of a text.
    enum UsageType: String, CaseIterable {
        case register = "Register"
        case signIn = "SignIn"
        case forgotPassword = "ForgotPassword"
        case generic = "Generic"
        case organizationInvitation = "OrganizationInvitation"
        case userPermissionValidation = "UserPermissionValidation"
        case bindNewIdentifier = "BindNewIdentifier"
        case mfaVerification = "MfaVerification"
        case bindMFA = "BindMfa"

        static let required: [UsageType] = [.register, .signIn, .forgotPassword, .generic]
    }

    package init(_ members: inout ConnectorMembers, entropy: Entropy = .system) {
        http = members.http(baseURL: "https://dysmsapi.aliyuncs.com", canReport: true)
        accessKeyID = members.text("accessKeyId")
        accessKeySecret = members.text("accessKeySecret")
        signName = members.text("signName")
        templates = Self.templates(&members)
        templateParameters = members.templateParameters()
        signatureVersion = members.choice("signatureVersion", .acs3)
        receiptSecret = members.optionalText("receiptSecret")
        // Numbers here are always E.164, so the region is always known: there is nothing to be lax about.
        _ = members.flag("strictPhoneRegionNumberCheck", true)
        self.entropy = entropy
    }

    private static func templates(_ members: inout ConnectorMembers) -> [UsageType: RegionalTemplate] {
        guard let entries = members.value("templates")?.array else {
            members.report("\"templates\" is missing: a list of {\"usageType\", \"templateCode\"}")
            return [:]
        }
        var templates: [UsageType: RegionalTemplate] = [:]
        for (index, entry) in entries.enumerated() {
            guard let type = entry["usageType"]?.string.flatMap(UsageType.init(rawValue:)),
                let template = RegionalTemplate(entry["templateCode"])
            else {
                members.report(
                    "\"templates\", entry \(index + 1), needs a known \"usageType\" and a \"templateCode\" that is "
                        + "a text or {\"china\", \"overseas\"}")
                continue
            }
            templates[type] = template
        }
        let missing = UsageType.required.filter { templates[$0] == nil }.map(\.rawValue)
        if !missing.isEmpty { members.report("\"templates\" lacks \(missing.joined(separator: ", "))") }
        return templates
    }

    package var givesReceipts: Bool { http.receiptURL != nil && receiptSecret != nil }

    package func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest {
        let parameters = parameters(of: message)
        let nonce = entropy.uuid()
        switch signatureVersion {
        case .acs3:
            let query = RequestEncoding.pairs(RequestEncoding.sortedByName(parameters))
            return OutboundRequest(
                url: "\(http.baseURL)/?\(query)",
                headers: ACS3Signature(accessKeyID: accessKeyID, secret: accessKeySecret)
                    .headers(query: query, http: http, nonce: nonce, at: now))
        case .v1:
            let common = [
                ("Format", "JSON"), ("Version", "2017-05-25"), ("Action", "SendSms"), ("RegionId", "cn-hangzhou"),
                ("AccessKeyId", accessKeyID), ("SignatureMethod", "HMAC-SHA1"), ("SignatureVersion", "1.0"),
                ("SignatureNonce", nonce), ("Timestamp", now.secondsDate),
            ].map { (name: $0.0, value: $0.1) }
            let all = common + parameters
            let signature = Self.v1Signature(method: "POST", parameters: all, secret: accessKeySecret)
            return OutboundRequest(
                url: "\(http.baseURL)/?\(RequestEncoding.pairs(all + [(name: "Signature", value: signature)]))")
        }
    }

    private func parameters(of message: TextMessage) -> [(name: String, value: String)] {
        let values = JSONObject(
            templateParameters.map { ($0.rawValue, .string(message.content.parameters[$0] ?? "")) })
        let template = templates[Self.usageType(message.template)] ?? templates[.generic]
        return [
            ("PhoneNumbers", Self.number(message)),
            ("SignName", signName),
            ("TemplateCode", template?.template(for: message.region) ?? ""),
            ("TemplateParam", JSONValue.object(values).serializedText),
            ("OutId", message.id),
        ].map { (name: $0.0, value: $0.1) }
    }

    /// Mainland numbers as they are dialled there; all others with their country code and without a plus.
    private static func number(_ message: TextMessage) -> String {
        let isMainland = message.region == RegionalTemplate.mainlandChina && message.recipient.hasPrefix("+86")
        return String(message.recipient.dropFirst(isMainland ? 3 : 1))
    }

    private static func usageType(_ template: MessageTemplate) -> UsageType {
        switch template {
        case .signInCode, .signInCodeAndLink: .signIn
        case .verificationCode: .bindNewIdentifier
        case .passwordReset, .passwordResetToken: .forgotPassword
        case .verificationCompleted, .passwordResetDone, .numberChanged: .generic
        }
    }

    /// 200 for failures too: only `Code` tells.
    package func result(of reply: OutboundReply) -> SendResult {
        guard let json = try? JSONValue(parsing: reply.body), let code = json["Code"]?.string,
            reply.isSuccess || code != "OK"
        else {
            return reply.isSuccess
                ? SendResult(.unreachable, ProviderAnswer(reply)) : SendResult(unexplained: reply)
        }
        let answer = ProviderAnswer(status: reply.status, code: code, words: json["Message"]?.string)
        switch code {
        case "OK": return SendResult(.accepted(providerID: json["BizId"]?.string), answer)
        case "isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "Throttling", "Throttling.User":
            return SendResult(.throttled(retryAfterSeconds: reply.retryAfterSeconds), answer)
        case "isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_COUNT_OVER_LIMIT", "isv.BLACK_KEY_CONTROL_LIMIT":
            return SendResult(.refused, answer)
        case "isp.SYSTEM_ERROR", "InternalError", "ServiceUnavailable":
            return SendResult(.unreachable, answer)
        default: return SendResult(reply.status >= 500 ? .unreachable : .misconfigured, answer)
        }
    }

    /// The older RPC signature: HMAC-SHA1 over method, path and the sorted query, each escaped once more.
    static func v1Signature(
        method: String, parameters: [(name: String, value: String)], secret: String
    ) -> String {
        let query = RequestEncoding.pairs(RequestEncoding.sortedByName(parameters))
        let signed = "\(method)&%2F&\(PercentEncoding.encode(query))"
        return Base64.encode(HMAC.sha1(Array(signed.utf8), key: Array("\(secret)&".utf8)))
    }
}

/// ACS3-HMAC-SHA256: what the provider's current SDKs sign with.
struct ACS3Signature {
    let accessKeyID: String
    let secret: String

    /// All headers of a request without a body, the signature among them.
    ///
    /// - Parameter query: sorted and escaped, as it is sent.
    func headers(
        query: String, http: HTTPSettings, nonce: String, at now: Timestamp
    ) -> [(name: String, value: String)] {
        let bodyHash = Hex.encode(Digest.sha256([]))
        let signed: [(name: String, value: String)] = [
            ("host", http.host), ("x-acs-action", "SendSms"), ("x-acs-content-sha256", bodyHash),
            ("x-acs-date", now.secondsDate), ("x-acs-signature-nonce", nonce), ("x-acs-version", "2017-05-25"),
        ]
        let names = signed.map(\.name).joined(separator: ";")
        let request = [
            "POST", "\(http.path)/", query, signed.map { "\($0.name):\($0.value)\n" }.joined(), names, bodyHash,
        ].joined(separator: "\n")
        let text = "ACS3-HMAC-SHA256\n\(Hex.encode(Digest.sha256(Array(request.utf8))))"
        let signature = Hex.encode(HMAC.sha256(Array(text.utf8), key: Array(secret.utf8)))
        return signed + [
            (
                "Authorization",
                "ACS3-HMAC-SHA256 Credential=\(accessKeyID),SignedHeaders=\(names),Signature=\(signature)"
            )
        ]
    }
}

extension AliyunConnector: ReceiptSource {
    /// Nothing is signed, so the address holds a secret, and both ids must fit.
    package func read(_ callback: ReceiptCallback, at now: Timestamp) -> ReceiptReading {
        guard callback.method == "POST", callback.carries(receiptSecret) else { return .forged }
        guard let reports = (try? JSONValue(parsing: callback.body))?.array else { return .malformed }
        let receipts = reports.compactMap { report -> DeliveryReceipt? in
            guard let id = report["biz_id"]?.string, let isDelivered = report["success"]?.bool else { return nil }
            return DeliveryReceipt(
                providerID: id, messageID: report["out_id"]?.string ?? "", state: isDelivered ? .delivered : .failed,
                answer: ProviderAnswer(code: report["err_code"]?.string, words: report["err_msg"]?.string))
        }
        return .receipts(receipts, reply: #"{"code":0,"msg":"ok"}"#)
    }
}
