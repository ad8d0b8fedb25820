import Cryptography
package import OutboundHTTP
package import Time

/// Amazon SNS, `Publish` to a phone number.
package struct SNSConnector: HTTPConnector {
    package let http: HTTPSettings
    private let senderID: String?
    private let signature: AWSSignature

    package init(_ members: inout ConnectorMembers) {
        let region = members.text("region")
        http = members.http(baseURL: "https://sns.\(region).amazonaws.com")
        senderID = members.optionalText("senderID")
        signature = AWSSignature(
            service: "sns", region: region, accessKeyID: members.text("accessKeyId"),
            secret: members.text("secretAccessKey"), sessionToken: members.optionalText("sessionToken"))
    }

    package func request(for message: TextMessage, at now: Timestamp) -> OutboundRequest {
        var attributes = [(name: "AWS.SNS.SMS.SMSType", value: "Transactional")]
        if let senderID { attributes.append((name: "AWS.SNS.SMS.SenderID", value: senderID)) }
        var form = [
            (name: "Action", value: "Publish"), (name: "Version", value: "2010-03-31"),
            (name: "PhoneNumber", value: message.recipient), (name: "Message", value: message.body),
        ]
        for (index, attribute) in attributes.enumerated() {
            let entry = "MessageAttributes.entry.\(index + 1)"
            form += [
                (name: "\(entry).Name", value: attribute.name),
                (name: "\(entry).Value.DataType", value: "String"),
                (name: "\(entry).Value.StringValue", value: attribute.value),
            ]
        }
        let body = RequestEncoding.formBody(form)
        return OutboundRequest(
            url: "\(http.baseURL)/",
            headers: signature.headers(host: http.host, path: "\(http.path)/", body: body, at: now)
                + [RequestEncoding.form],
            body: body)
    }

    package func result(of reply: OutboundReply) -> SendResult {
        let text = String(decoding: reply.body, as: UTF8.self)
        if reply.isSuccess {
            guard let id = Self.element("MessageId", of: text) else {
                return SendResult(.unreachable, ProviderAnswer(reply))
            }
            return SendResult(.accepted(providerID: id), ProviderAnswer(status: reply.status))
        }
        guard let code = Self.element("Code", of: text) else { return SendResult(unexplained: reply) }
        let answer = ProviderAnswer(status: reply.status, code: code, words: Self.element("Message", of: text))
        switch code {
        case "Throttling", "ThrottlingException", "Throttled", "ThrottledException", "RequestLimitExceeded":
            return SendResult(.throttled(retryAfterSeconds: reply.retryAfterSeconds), answer)
        // Parameters are ours and well formed, but for the number.
        case "InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "OptedOut":
            return SendResult(.refused, answer)
        case "InternalError", "InternalFailure", "ServiceUnavailable": return SendResult(.unreachable, answer)
        default: return SendResult(reply.status >= 500 ? .unreachable : .misconfigured, answer)
        }
    }

    /// The text of the first such element. Replies are flat, and codes and ids need no unescaping.
    private static func element(_ name: String, of text: String) -> String? {
        guard let start = text.firstRange(of: "<\(name)>"),
            let end = text[start.upperBound...].firstRange(of: "</\(name)>")
        else { return nil }
        return String(text[start.upperBound..<end.lowerBound])
    }
}

/// AWS Signature Version 4 of a POST without a query.
struct AWSSignature: Sendable {
    let service: String
    let region: String
    let accessKeyID: String
    let secret: String
    let sessionToken: String?

    func headers(host: String, path: String, body: [UInt8], at now: Timestamp) -> [(name: String, value: String)] {
        let date = now.compactDate
        let day = String(date.prefix(8))
        var signed = [(name: "host", value: host), (name: "x-amz-date", value: date)]
        if let sessionToken { signed.append((name: "x-amz-security-token", value: sessionToken)) }
        let names = signed.map(\.name).joined(separator: ";")
        let request = [
            "POST", path, "", signed.map { "\($0.name):\($0.value)\n" }.joined(), names,
            Hex.encode(Digest.sha256(body)),
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n\(Hex.encode(Digest.sha256(Array(request.utf8))))"
        let key = [day, region, service, "aws4_request"].reduce(Array("AWS4\(secret)".utf8)) { key, part in
            HMAC.sha256(Array(part.utf8), key: key)
        }
        let signature = Hex.encode(HMAC.sha256(Array(text.utf8), key: key))
        return signed + [
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKeyID)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
            )
        ]
    }
}
