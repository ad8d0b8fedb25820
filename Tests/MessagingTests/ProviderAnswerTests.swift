import JOSE
import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct ProviderAnswerTests {
    static let grouped: [(words: String, cleaned: String)] = [
        ("to +33 6 12 34 56 78 failed", "to +… failed"), ("090-1234-5678", "…"), ("(090) 123.456.78!", "(…!"),
        ("error 21 of 7", "error 21 of 7"), ("3 texts, 2 parts", "3 texts, 2 parts"), ("1 2 3 go", "1 2 3 go"),
    ]

    @Test(arguments: grouped)
    func `a number in groups does not stay either`(_ row: (words: String, cleaned: String)) {
        #expect(ProviderAnswer(words: row.words).words == row.cleaned)
    }

    static let words: [(words: String, shown: String)] = [
        ("", ""), ("OK", "OK"), ("号码格式错误", "号码格式错误"), ("error 123 of 45", "error 123 of 45"),
        ("'To' +819012345678 is not valid", "'To' +… is not valid"), ("246802 is your code", "… is your code"),
        ("1234", "…"), ("a1234b56789c", "a…b…c"), ("２４６８０２", "…"), ("٢٤٦٨٠٢", "…"), ("२४६८०२", "…"), ("𝟐𝟒𝟔𝟖", "…"),
        ("①②③④⑤", "…"), ("12３٤", "…"), ("1２３4a", "…a"), ("²⁴⁶⁸", "…"),
        ("two\nlines\r\n", "two lines  "), ("\u{1B}[31mred\u{7}", " [31mred "), ("\u{0}\u{7F}\u{85}", "   "),
        ("a\u{2028}b\u{2029}c", "a b c"), ("\u{202E}txet\u{202C}\u{2066}\u{200F}", " txet   "),
        ("\u{FEFF}a\u{200B}b\u{AD}c", " a b c"), ("\u{E000}\u{10FFFF}\u{E0041}", "   "),
    ]

    @Test(arguments: words)
    func `what a provider says is shown on one line and without numbers`(_ row: (words: String, shown: String)) {
        #expect(ProviderAnswer(words: row.words).words == row.shown)
    }

    static let codes: [(code: String, shown: String)] = [
        ("isv.MOBILE_NUMBER_ILLEGAL", "isv.MOBILE_NUMBER_ILLEGAL"), ("21211", "21211"), ("a-b", "a-b"), ("", ""),
        ("a b\nc\u{1B}[0m", "abc0m"), ("<b>\"@[`{", "b"), ("é１電", ""),
        (String(repeating: "x", count: 1000), String(repeating: "x", count: 64)),
    ]

    @Test(arguments: codes)
    func `a code is a short word`(_ row: (code: String, shown: String)) {
        #expect(ProviderAnswer(code: row.code).code == row.shown)
    }

    @Test func `however long the words are, what is kept is not`() throws {
        for part in ["x", "電", "\u{301}", "👍🏽", "\u{0}", "1 ", "12345 "] {
            let words = try #require(ProviderAnswer(words: String(repeating: part, count: 10_000)).words)
            #expect(words.unicodeScalars.count <= 300)
        }
        // Cut off in the middle, a number is a number still.
        let filler = String(repeating: "x", count: 295)
        #expect(ProviderAnswer(words: filler + "246802").words == filler + "…")
    }

    @Test func `no four digits in a row are left, and nothing that moves the line`() throws {
        let parts = "0123456789٠٣٩०९０９𝟎𝟗½Ⅷ三 abé\u{301}電\u{0}\n\r\u{1B}\u{202E}\u{2067}\u{2028}\u{200D}\u{FEFF}"
        let scalars = Array(parts.unicodeScalars)
        var dice = Dice(seed: 2)
        for _ in 0..<2000 {
            var text = ""
            for _ in 0..<Int.random(in: 0..<60, using: &dice) {
                if let scalar = scalars.randomElement(using: &dice) { text.unicodeScalars.append(scalar) }
            }
            let words = try #require(ProviderAnswer(words: text).words)
            let moves = words.unicodeScalars.contains { scalar in
                [.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
            }
            #expect(words.longestNumber < 4 && !moves, "\(text.unicodeScalars.map(\.value))")
        }
    }

    @Test func `an answer is told in one line`() {
        #expect(ProviderAnswer().description == "")
        let answer = ProviderAnswer(status: 400, code: "21211", words: "no number")
        #expect(answer.description == "HTTP 400, 21211, no number")
        #expect(ProviderAnswer(status: 502, code: "", words: "").description == "HTTP 502")
        #expect(ProviderAnswer(words: "no reply in time").description == "no reply in time")
    }
}

extension String {
    /// The length of the longest run of what counts as a digit in any script.
    var longestNumber: Int {
        unicodeScalars.split { $0.properties.numericType == nil }.map(\.count).max() ?? 0
    }
}

/// The providers that are asked over HTTP: what an operator writes for each, and what each says.
enum HTTPProvider: String, CaseIterable, Sendable {
    case aliyun, twilio, sns, tencent, vonage, webhook

    static let receiptBase = "https://login.example/messages/receipts"

    /// With some members different, and that is the deviation.
    func entry(_ changes: JSONObject = [:]) -> JSONObject {
        var entry = valid
        entry["type"] = .string(rawValue)
        for change in changes.members { entry[change.name] = change.value }
        return entry
    }

    private var valid: JSONObject {
        switch self {
        case .aliyun:
            [
                "accessKeyId": "testId", "accessKeySecret": "testSecret", "signName": "阿里云短信测试专用",
                "receiptSecret": "receipt-secret",
                "templates": [
                    ["usageType": "Register", "templateCode": "SMS_1"],
                    ["usageType": "SignIn", "templateCode": "SMS_71390007"],
                    ["usageType": "ForgotPassword", "templateCode": "SMS_2"],
                    ["usageType": "Generic", "templateCode": "SMS_3"],
                ],
            ]
        case .twilio: ["accountSID": "AC123", "authToken": "token", "from": "+15005550006"]
        case .sns:
            [
                "region": "ap-northeast-1", "accessKeyId": "AKIDEXAMPLE",
                "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            ]
        case .tencent:
            [
                "secretId": "testID", "secretKey": "testKey", "sdkAppId": "1400006666", "signName": "腾讯云",
                "templateId": "1110", "templateParameters": ["code", "minutes"], "receiptSecret": "receipt-secret",
            ]
        case .vonage:
            ["apiKey": "key", "apiSecret": "secret", "from": "Game", "signatureSecret": "signature secret"]
        case .webhook: ["url": "https://hook.example/send/", "secret": "secret"]
        }
    }

    func members(_ changes: JSONObject = [:]) -> ConnectorMembers {
        ConnectorMembers(
            .object(entry(changes)), receiptBase: Self.receiptBase, isReachable: false, environment: [:])
    }

    /// As the server makes it.
    func connector(_ changes: JSONObject = [:], receipts: Bool = false) throws -> any HTTPConnector {
        try Self.connector(of: entry(changes), receipts: receipts)
    }

    static func connector(of entry: JSONObject, receipts: Bool = false) throws -> any HTTPConnector {
        let reading = ConnectorCatalogue.read(
            [.object(entry)], receiptBase: receiptBase, isReachable: receipts, environment: [:])
        #expect(reading.problems.isEmpty)
        let connector = reading.connectors.first?.connector as? any HTTPConnector
        return try #require(connector)
    }

    /// A reply to a text that was taken, as the provider's documents show it.
    var success: String {
        switch self {
        case .aliyun: #"{"Message":"OK","RequestId":"F655A8D5","Code":"OK","BizId":"900619746936498440^0"}"#
        case .twilio: #"{"sid":"SM0123","status":"queued","error_code":null,"error_message":null}"#
        case .sns:
            "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>"
                + "<MessageId>94f20ce6-13c5-43a0-9a9e</MessageId></PublishResult></PublishResponse>"
        case .tencent:
            #"{"Response":{"SendStatusSet":[{"SerialNo":"5000:1045710669157053657849499619","Fee":1,"#
                + #""Code":"Ok","Message":"send success"}],"RequestId":"a0aabda6"}}"#
        case .vonage:
            #"{"message-count":"1","messages":[{"to":"819012345678","message-id":"0A0000000123ABCD1","#
                + #""status":"0","remaining-balance":"3.14","network":"12345"}]}"#
        case .webhook: ""
        }
    }

    /// A reply to a text that was not, with the number and the code in its words.
    func failure(_ code: String) -> String {
        let words = "+819012345678 cannot have 246802"
        return switch self {
        case .aliyun: #"{"Code":"\#(code)","Message":"\#(words)","RequestId":"F655A8D5"}"#
        case .twilio: #"{"code":\#(code),"message":"\#(words)","status":400}"#
        case .sns:
            "<ErrorResponse><Error><Type>Sender</Type><Code>\(code)</Code><Message>\(words)</Message></Error>"
                + "<RequestId>b25f48e8</RequestId></ErrorResponse>"
        case .tencent: #"{"Response":{"Error":{"Code":"\#(code)","Message":"\#(words)"},"RequestId":"a0"}}"#
        case .vonage: #"{"message-count":"1","messages":[{"status":"\#(code)","error-text":"\#(words)"}]}"#
        case .webhook: words
        }
    }
}

extension TextMessage {
    /// To somebody whose code is 246802.
    static func sample(
        to recipient: String = "+819012345678", region: String = "JP", body: String = "246802 is your Game code.",
        link: String? = nil, lifetimeSeconds: Int = 180
    ) -> TextMessage {
        var parameters: [MessageParameter: String] = [.code: "246802", .app: "Game & Co", .minutes: "3"]
        parameters[.link] = link
        return TextMessage(
            id: "message-1", recipient: recipient, region: region,
            content: MessageContent(body: body, parameters: parameters),
            template: link == nil ? .signInCode : .signInCodeAndLink, locale: "en", clientID: "game",
            createdAt: .noon, expiresAt: .noon.adding(seconds: lifetimeSeconds))
    }
}

/// A provider's call. A test changes one member of it, and that is the deviation.
struct ReceiptCall: Sendable {
    typealias Pairs = [(name: String, value: String)]

    var method = "POST"
    var url = ""
    var pathSecret: String?
    var query: Pairs = []
    var form: Pairs?
    var headers: [String: String] = [:]
    var body = ""

    func read(
        by provider: HTTPProvider, _ changes: JSONObject = [:], at now: Timestamp = .noon
    ) throws -> ReceiptReading {
        let source = try provider.connector(changes, receipts: true) as? any ReceiptSource
        let callback = ReceiptCallback(
            method: method, url: url, pathSecret: pathSecret, query: query, form: form, headers: headers,
            body: Array(body.utf8))
        return try #require(source).read(callback, at: now)
    }

    static let twilio = ReceiptCall(
        url: "https://login.example/messages/receipts/twilio?m=message-1", query: [("m", "message-1")],
        form: [("MessageSid", "SM1"), ("MessageStatus", "delivered")],
        headers: ["x-twilio-signature": "Dlz6nZOWpkMgeioRpBiJjiRlFEI="])

    static let webhook = ReceiptCall(
        headers: [
            "denwa-signature": "t=1767268800,v1=222966be947964aa5c502134ee8f99784eb6680e2e404b27d95708f502065f41"
        ], body: #"{"id":"message-1","state":"delivered"}"#)

    static let vonage = ReceiptCall(
        method: "GET",
        query: [
            ("timestamp", "1767268800"), ("to-1", "a=b&c"), ("to", "Game"), ("status", "delivered"),
            ("msisdn", "819012345678"), ("messageId", "0A00"), ("err-code", "0"), ("client-ref", "message-1"),
            ("sig", "92ceea7557f94119c5ec2c62357449f25978539345e450e8b74b3373323dcc14"),
        ])

    static let aliyun = ReceiptCall(
        pathSecret: "receipt-secret",
        body: #"[{"biz_id":"B1","out_id":"message-1","success":true,"err_code":"DELIVERED","sms_size":"1"}]"#)

    static let tencent = ReceiptCall(
        pathSecret: "receipt-secret",
        body: #"[{"sid":"S1","report_status":"SUCCESS","errmsg":"DELIVRD","mobile":"13800138000"}]"#)

    /// Signed again, after a change that the provider itself might have made.
    func signed(by provider: HTTPProvider, at now: Timestamp = .noon) -> ReceiptCall {
        var call = self
        switch provider {
        case .twilio:
            let signature = TwilioConnector.signature(url: url, form: form ?? [], token: "token")
            call.headers["x-twilio-signature"] = signature
        case .webhook:
            call.headers["denwa-signature"] = WebhookConnector.signature(
                of: Array(body.utf8), secret: "secret", at: now)
        case .vonage:
            let unsigned = query.filter { $0.name != "sig" }
            let signature = VonageConnector.signature(unsigned, secret: "signature secret", method: .sha256)
            call.query = unsigned + [(name: "sig", value: signature)]
        case .aliyun, .tencent, .sns: break
        }
        return call
    }

    func with(_ name: String, _ value: String?) -> ReceiptCall {
        var call = self
        func changed(_ pairs: Pairs) -> Pairs {
            pairs.filter { $0.name != name } + (value.map { [(name: name, value: $0)] } ?? [])
        }
        call.query = method == "GET" ? changed(query) : query
        call.form = form.map(changed)
        return call
    }
}
