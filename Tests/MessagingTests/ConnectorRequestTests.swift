import Cryptography
import Foundation
import JOSE
import Messaging
import OutboundHTTP
import TestSupport
import Testing
import Time

@Suite struct ConnectorRequestTests {
    private func request(
        _ provider: HTTPProvider, _ changes: JSONObject = [:], receipts: Bool = false, for message: TextMessage
    ) throws -> OutboundRequest {
        let request = try provider.connector(changes, receipts: receipts).request(for: message, at: .noon)
        #expect(request.method == "POST")
        let names = request.headers.map { $0.name.lowercased() }
        #expect(Set(names).count == names.count, "no header twice")
        return request
    }

    struct Number: Sendable {
        let e164: String
        let region: String
        let aliyun: String
        /// Of aliyun and of tencent.
        let template: String
    }

    static let numbers: [Number] = [
        Number(e164: "+819012345678", region: "JP", aliyun: "819012345678", template: "far"),
        Number(e164: "+8613800138000", region: "CN", aliyun: "13800138000", template: "near"),
        Number(e164: "+12025550123", region: "US", aliyun: "12025550123", template: "far"),
        Number(e164: "+85251234567", region: "HK", aliyun: "85251234567", template: "far"),
        Number(e164: "+886912345678", region: "TW", aliyun: "886912345678", template: "far"),
    ]

    @Test(arguments: numbers)
    func `every provider gets a number as it writes them, and the template of its region`(_ number: Number) throws {
        let message = TextMessage.sample(to: number.e164, region: number.region)
        let templates: JSONValue = ["china": "near", "overseas": "far"]
        let entries = ["SignIn", "Register", "ForgotPassword", "Generic"].map { type -> JSONValue in
            ["usageType": .string(type), "templateCode": templates]
        }
        let aliyun = try request(.aliyun, ["templates": .array(entries)], for: message)
        #expect(aliyun.query["PhoneNumbers"] == number.aliyun)
        #expect(aliyun.query["TemplateCode"] == number.template)
        let tencent = try request(.tencent, ["templateId": templates], for: message).json
        #expect(tencent["PhoneNumberSet"] == .array([.string(number.e164)]))
        #expect(tencent["TemplateId"] == .string(number.template))
        #expect(try request(.twilio, for: message).form["To"] == number.e164)
        #expect(try request(.sns, for: message).form["PhoneNumber"] == number.e164)
        #expect(try request(.vonage, for: message).form["to"] == String(number.e164.dropFirst()))
        #expect(try request(.webhook, for: message).json["to"] == .string(number.e164))
    }

    // MARK: - Whole requests

    @Test func `to Aliyun, in the query`() throws {
        let query = [
            "PhoneNumbers": "819012345678", "SignName": "阿里云短信测试专用", "TemplateCode": "SMS_71390007",
            "TemplateParam": #"{"code":"246802"}"#, "OutId": "message-1",
        ]
        let acs3 = try request(.aliyun, for: .sample())
        #expect(acs3.url.hasPrefix("https://dysmsapi.aliyuncs.com/?"))
        #expect(acs3.query == query)
        let v1 = try request(.aliyun, ["signatureVersion": "v1"], for: .sample())
        var common = v1.query.filter { query[$0.key] == nil }
        #expect(v1.query.filter { query[$0.key] != nil } == query)
        let (signature, nonce) = (common.removeValue(forKey: "Signature"), common.removeValue(forKey: "SignatureNonce"))
        #expect(signature?.utf8.count == 28)
        #expect(nonce?.utf8.count == 36)
        #expect(
            common == [
                "Format": "JSON", "Version": "2017-05-25", "Action": "SendSms", "RegionId": "cn-hangzhou",
                "AccessKeyId": "testId", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
                "Timestamp": "2026-01-01T12:00:00Z",
            ])
    }

    /// Two requests of one moment with one nonce would be a replay.
    @Test(arguments: ["acs3", "v1"])
    func `every request to Aliyun has a nonce of its own`(_ version: String) throws {
        let connector = try HTTPProvider.aliyun.connector(["signatureVersion": .string(version)])
        let nonces = (0..<50).compactMap { _ -> String? in
            let request = connector.request(for: .sample(), at: .noon)
            return request.header("x-acs-signature-nonce") ?? request.query["SignatureNonce"]
        }
        #expect(Set(nonces).count == 50)
    }

    @Test func `to Twilio`() throws {
        let request = try request(.twilio, receipts: true, for: .sample())
        #expect(request.url == "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json")
        #expect(request.header("Authorization") == "Basic QUMxMjM6dG9rZW4=")
        #expect(request.header("Content-Type") == "application/x-www-form-urlencoded")
        #expect(
            request.form == [
                "To": "+819012345678", "From": "+15005550006", "Body": "246802 is your Game code.",
                "ValidityPeriod": "180",
                "StatusCallback": "https://login.example/messages/receipts/twilio?m=message-1",
            ])
        var entry = HTTPProvider.twilio.entry()
        entry["from"] = nil
        entry["messagingServiceSID"] = "MG123"
        let form = try HTTPProvider.connector(of: entry).request(for: .sample(), at: .noon).form
        #expect(form["MessagingServiceSid"] == "MG123")
        #expect(form["From"] == nil)
        #expect(form["StatusCallback"] == nil, "nobody could answer")
    }

    @Test func `to SNS`() throws {
        let request = try request(.sns, ["senderID": "Game"], for: .sample())
        #expect(request.url == "https://sns.ap-northeast-1.amazonaws.com/")
        #expect(request.header("Content-Type") == "application/x-www-form-urlencoded")
        #expect(
            request.form == [
                "Action": "Publish", "Version": "2010-03-31", "PhoneNumber": "+819012345678",
                "Message": "246802 is your Game code.",
                "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
                "MessageAttributes.entry.1.Value.DataType": "String",
                "MessageAttributes.entry.1.Value.StringValue": "Transactional",
                "MessageAttributes.entry.2.Name": "AWS.SNS.SMS.SenderID",
                "MessageAttributes.entry.2.Value.DataType": "String",
                "MessageAttributes.entry.2.Value.StringValue": "Game",
            ])
    }

    @Test func `to Tencent`() throws {
        let request = try request(.tencent, for: .sample())
        #expect(request.url == "https://sms.tencentcloudapi.com/")
        #expect(request.header("Content-Type") == "application/json; charset=utf-8")
        #expect(request.header("X-TC-Action") == "SendSms")
        #expect(request.header("X-TC-Version") == "2021-01-11")
        #expect(request.header("X-TC-Region") == "ap-guangzhou")
        let body: JSONValue = [
            "PhoneNumberSet": ["+819012345678"], "SmsSdkAppId": "1400006666", "SignName": "腾讯云",
            "TemplateId": "1110", "TemplateParamSet": ["246802", "3"], "SessionContext": "message-1",
        ]
        #expect(try request.json == body)
    }

    @Test func `to Vonage`() throws {
        let request = try request(.vonage, receipts: true, for: .sample())
        #expect(request.url == "https://rest.nexmo.com/sms/json")
        #expect(request.header("Authorization") == "Basic a2V5OnNlY3JldA==")
        #expect(
            request.form == [
                "to": "819012345678", "from": "Game", "text": "246802 is your Game code.", "client-ref": "message-1",
                "ttl": "180000", "callback": "https://login.example/messages/receipts/vonage",
            ])
    }

    @Test func `to a webhook, signed`() throws {
        let request = try request(.webhook, for: .sample())
        #expect(request.url == "https://hook.example/send/")
        var body: JSONObject = [
            "id": "message-1", "to": "+819012345678", "body": "246802 is your Game code.", "template": "sign_in_code",
            "locale": "en", "code_length": 6, "expires_at": "2026-01-01T12:03:00.000Z", "client_id": "game",
        ]
        #expect(try request.json == .object(body))
        let code = HMAC.sha256(Array("1767268800.".utf8) + request.body, key: Array("secret".utf8))
        #expect(request.header("Denwa-Signature") == "t=1767268800,v1=\(Hex.encode(code))")
        body["callback_url"] = "https://login.example/messages/receipts/webhook"
        let reporting = try self.request(.webhook, receipts: true, for: .sample())
        #expect(try reporting.json == .object(body))
    }

    // MARK: - What varies

    static let validities: [(seconds: Int, twilio: String, vonage: String)] = [
        (180, "180", "180000"), (20, "20", "20000"), (19, "19", "20000"), (1, "1", "20000"), (0, "1", "20000"),
        (-60, "1", "20000"), (36_000, "36000", "36000000"), (36_001, "36000", "36001000"),
        (700_000, "36000", "604800000"),
    ]

    @Test(arguments: validities)
    func `a text is valid as long as its code, within what a provider takes`(
        _ row: (seconds: Int, twilio: String, vonage: String)
    ) throws {
        let message = TextMessage.sample(lifetimeSeconds: row.seconds)
        #expect(try request(.twilio, for: message).form["ValidityPeriod"] == row.twilio)
        #expect(try request(.vonage, for: message).form["ttl"] == row.vonage)
    }

    static let bodies: [(body: String, isUnicode: Bool)] = [
        ("246802 is your Game code.\n\n@game.example #246802", false), ("a+b c&d=e%20f;g/h?i#j~k\"l'm\\n", false),
        ("€[]{}", false), ("", false), ("246802 は確認コードです。", true), ("👍🏽 246802", true),
        ("246802 رمز\u{200F}", true), ("\u{0}\t", true),
    ]

    @Test(arguments: bodies)
    func `a text arrives byte for byte`(_ row: (body: String, isUnicode: Bool)) throws {
        let message = TextMessage.sample(body: row.body)
        #expect(try request(.twilio, for: message).form["Body"] == row.body)
        #expect(try request(.sns, for: message).form["Message"] == row.body)
        #expect(try request(.webhook, for: message).json["body"] == .string(row.body))
        let vonage = try request(.vonage, for: message).form
        #expect(vonage["text"] == row.body)
        #expect(vonage["type"] == (row.isUnicode ? "unicode" : nil))
    }

    @Test func `a form's spaces are pluses, its pluses are not, and Aliyun's query has neither`() throws {
        let message = TextMessage.sample(body: "a + b")
        for provider in [HTTPProvider.twilio, .sns, .vonage] {
            let body = String(decoding: try request(provider, for: message).body, as: UTF8.self)
            #expect(body.contains("=a+%2B+b"))
        }
        let aliyun = try request(.aliyun, ["signName": "a + b"], for: message)
        #expect(aliyun.url.contains("SignName=a%20%2B%20b&"))
    }

    @Test func `a provider's template gets the parts it names, in its order, and empty ones for the rest`() throws {
        let order: JSONObject = ["templateParameters": ["link", "code", "app", "minutes"]]
        let link = "https://game.example/link?a=1&b=2"
        let parts: JSONValue = [.string(link), "246802", "Game & Co", "3"]
        #expect(try request(.tencent, order, for: .sample(link: link)).json["TemplateParamSet"] == parts)
        let aliyun = try request(.aliyun, order, for: .sample(link: link)).query["TemplateParam"]
        #expect(aliyun == #"{"link":"\#(link)","code":"246802","app":"Game & Co","minutes":"3"}"#)
        let withoutLink: JSONValue = ["", "246802", "Game & Co", "3"]
        #expect(try request(.tencent, order, for: .sample()).json["TemplateParamSet"] == withoutLink)
    }

    static let paths: [(provider: HTTPProvider, path: String)] = [
        (.aliyun, "/?"), (.twilio, "/2010-04-01/Accounts/AC123/Messages.json"), (.sns, "/"), (.tencent, "/"),
        (.vonage, "/sms/json"), (.webhook, ""),
    ]

    @Test(arguments: paths)
    func `a gateway may stand before a provider`(_ row: (provider: HTTPProvider, path: String)) throws {
        let base = "https://gateway.example:8443/providers/sms"
        let member = row.provider == .webhook ? "url" : "baseURL"
        for text in [base, base + (row.provider == .webhook ? "/?key=a" : "/")] {
            var changes = JSONObject()
            changes[member] = .string(text)
            let request = try request(row.provider, changes, for: .sample())
            // A webhook's URL is whole; the others' paths are put behind a base.
            let url = row.provider == .webhook ? text : base + row.path
            #expect(row.provider == .aliyun ? request.url.hasPrefix(url) : request.url == url)
            if let host = request.header("Host") { #expect(host == "gateway.example:8443") }
        }
    }

    private static let odd = #"a b&c=d+e%f~ü"'\<>/?#;"#
    private static let oddPair = Data("\(odd):\(odd)".utf8).base64EncodedString()

    @Test func `whatever a member holds arrives as it is`() throws {
        let odd = JSONValue.string(Self.odd)
        let twilio = try request(.twilio, ["accountSID": odd, "authToken": odd, "from": odd], for: .sample())
        #expect(twilio.form["From"] == Self.odd)
        #expect(twilio.header("Authorization") == "Basic \(Self.oddPair)")
        let path = twilio.url.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        #expect(path.count == 7)
        #expect(path.dropFirst(5).first?.removingPercentEncoding == Self.odd)
        let vonage = try request(.vonage, ["apiKey": odd, "apiSecret": odd, "from": odd], for: .sample())
        #expect(vonage.form["from"] == Self.odd)
        #expect(vonage.header("Authorization") == "Basic \(Self.oddPair)")
        let sns = try request(
            .sns, ["senderID": odd, "sessionToken": odd, "secretAccessKey": odd], for: .sample())
        #expect(sns.form["MessageAttributes.entry.2.Value.StringValue"] == Self.odd)
        #expect(sns.header("x-amz-security-token") == Self.odd)
        let tencent = try request(
            .tencent, ["sdkAppId": odd, "signName": odd, "templateId": odd, "region": odd], for: .sample())
        for member in ["SmsSdkAppId", "SignName", "TemplateId"] { #expect(try tencent.json[member] == odd) }
        #expect(tencent.header("X-TC-Region") == Self.odd)
        let aliyun = try request(
            .aliyun, ["signName": odd, "accessKeyId": odd, "accessKeySecret": odd, "signatureVersion": "v1"],
            for: .sample())
        #expect(aliyun.query["SignName"] == Self.odd)
        #expect(aliyun.query["AccessKeyId"] == Self.odd)
        let webhook = try request(.webhook, ["secret": odd], for: .sample())
        let code = HMAC.sha256(Array("1767268800.".utf8) + webhook.body, key: Array(Self.odd.utf8))
        #expect(webhook.header("Denwa-Signature") == "t=1767268800,v1=\(Hex.encode(code))")
    }
}

/// As the provider's server reads it.
extension OutboundRequest {
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

    var form: [String: String] { Self.parameters(String(decoding: body, as: UTF8.self)) }

    var query: [String: String] {
        Self.parameters(url.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? "")
    }

    var json: JSONValue {
        get throws { try JSONValue(parsing: body) }
    }

    /// A name that is there twice shows both values.
    private static func parameters(_ text: String) -> [String: String] {
        let pairs = text.split(separator: "&").map { pair -> (String, String) in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { part in
                String(part).replacing("+", with: " ").removingPercentEncoding ?? "not percent-encoded"
            }
            return (parts[0], parts.count == 2 ? parts[1] : "no value")
        }
        return Dictionary(pairs, uniquingKeysWith: { "\($0) and \($1)" })
    }
}
