import JOSE
import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct ReceiptTests {
    private func receipt(
        _ provider: String?, _ id: String?, _ state: DeliveryReceipt.State, code: String? = nil
    ) -> DeliveryReceipt {
        DeliveryReceipt(providerID: provider, messageID: id, state: state, answer: ProviderAnswer(code: code))
    }

    @Test func `what a provider tells is believed`() throws {
        let (delivered, id) = (DeliveryReceipt.State.delivered, "message-1")
        let twilio = ReceiptReading.receipts([receipt("SM1", id, delivered)], reply: nil)
        #expect(try ReceiptCall.twilio.read(by: .twilio) == twilio)
        let vonage = ReceiptReading.receipts([receipt("0A00", id, delivered, code: "0")], reply: nil)
        #expect(try ReceiptCall.vonage.read(by: .vonage) == vonage)
        let webhook = ReceiptReading.receipts([receipt(nil, id, delivered)], reply: nil)
        #expect(try ReceiptCall.webhook.read(by: .webhook) == webhook)
        let aliyun = ReceiptReading.receipts(
            [receipt("B1", id, delivered, code: "DELIVERED")], reply: #"{"code":0,"msg":"ok"}"#)
        #expect(try ReceiptCall.aliyun.read(by: .aliyun) == aliyun)
        let tencent = ReceiptReading.receipts(
            [receipt("S1", nil, delivered, code: "DELIVRD")], reply: #"{"result":0,"errmsg":"OK"}"#)
        #expect(try ReceiptCall.tencent.read(by: .tencent) == tencent)
    }

    struct Deviation: Sendable, CustomTestStringConvertible {
        let provider: HTTPProvider
        let testDescription: String
        let change: @Sendable (inout ReceiptCall) -> Void

        init(_ provider: HTTPProvider, _ name: String, change: @escaping @Sendable (inout ReceiptCall) -> Void) {
            (self.provider, testDescription, self.change) = (provider, "\(provider): \(name)", change)
        }

        var call: ReceiptCall {
            var call =
                switch provider {
                case .twilio: ReceiptCall.twilio
                case .vonage: ReceiptCall.vonage
                case .webhook: ReceiptCall.webhook
                case .tencent: ReceiptCall.tencent
                case .aliyun, .sns: ReceiptCall.aliyun
                }
            change(&call)
            return call
        }
    }

    static let twilioForgeries: [Deviation] = [
        Deviation(.twilio, "no signature") { $0.headers = [:] },
        Deviation(.twilio, "an empty one") { $0.headers["x-twilio-signature"] = "" },
        Deviation(.twilio, "another") { $0.headers["x-twilio-signature"] = "Dlz6nZOWpkMgeioRpBiJjiRlFEJ=" },
        Deviation(.twilio, "another message") { $0.url += "2" },
        Deviation(.twilio, "another scheme") { $0.url = $0.url.replacing("https:", with: "http:") },
        Deviation(.twilio, "another state") { $0 = $0.with("MessageStatus", "failed") },
        Deviation(.twilio, "a state twice") { $0.form?.append(("MessageStatus", "failed")) },
        Deviation(.twilio, "a member more") { $0.form?.append(("ErrorCode", "30006")) },
        Deviation(.twilio, "no form") { $0.form = nil },
        Deviation(.twilio, "GET") { $0.method = "GET" }, Deviation(.twilio, "a secret") { $0.pathSecret = "secret" },
    ]

    static let vonageForgeries: [Deviation] = [
        Deviation(.vonage, "no signature") { $0 = $0.with("sig", nil) },
        Deviation(.vonage, "another") { $0 = $0.with("sig", String(repeating: "0", count: 64)) },
        Deviation(.vonage, "another state") { $0 = $0.with("status", "failed") },
        Deviation(.vonage, "a state twice") { $0.query.append(("status", "delivered")) },
        Deviation(.vonage, "a signature twice") { $0.query.append(("sig", "")) },
        Deviation(.vonage, "no time") { $0 = $0.with("timestamp", nil).signed(by: .vonage) },
        Deviation(.vonage, "words for a time") { $0 = $0.with("timestamp", "noon").signed(by: .vonage) },
        Deviation(.vonage, "no such time") { $0 = $0.with("timestamp", "9223372036854775807").signed(by: .vonage) },
        Deviation(.vonage, "POST") { $0.method = "POST" }, Deviation(.vonage, "a secret") { $0.pathSecret = "secret" },
    ]

    static let webhookForgeries: [Deviation] = [
        Deviation(.webhook, "no signature") { $0.headers = [:] },
        Deviation(.webhook, "no time") { $0.headers["denwa-signature"]?.removeFirst(13) },
        Deviation(.webhook, "no code") { $0.headers["denwa-signature"] = "t=1767268800" },
        Deviation(.webhook, "an empty code") { $0.headers["denwa-signature"] = "t=1767268800,v1=" },
        Deviation(.webhook, "another time") {
            $0.headers["denwa-signature"]?.replace("t=1767268800", with: "t=1767268801")
        },
        Deviation(.webhook, "no such time") { $0.headers["denwa-signature"] = "t=9223372036854775807,v1=0" },
        Deviation(.webhook, "another body") { $0.body += " " },
        Deviation(.webhook, "GET") { $0.method = "GET" }, Deviation(.webhook, "a secret") { $0.pathSecret = "secret" },
    ]

    static let unsignedForgeries: [Deviation] = [
        Deviation(.aliyun, "no secret") { $0.pathSecret = nil }, Deviation(.aliyun, "GET") { $0.method = "GET" },
        Deviation(.aliyun, "another secret") { $0.pathSecret = "receipt-secreT" },
        Deviation(.aliyun, "half a secret") { $0.pathSecret = "receipt" },
        Deviation(.tencent, "no secret") { $0.pathSecret = nil }, Deviation(.tencent, "GET") { $0.method = "GET" },
        Deviation(.tencent, "an empty secret") { $0.pathSecret = "" },
    ]

    @Test(arguments: twilioForgeries + vonageForgeries + webhookForgeries + unsignedForgeries)
    func `what may come from a stranger is not believed`(_ deviation: Deviation) throws {
        #expect(try deviation.call.read(by: deviation.provider) == .forged)
    }

    static let malformed: [Deviation] = [
        Deviation(.twilio, "no id") { $0 = $0.with("MessageSid", nil).signed(by: .twilio) },
        Deviation(.vonage, "no id") { $0 = $0.with("messageId", nil).signed(by: .vonage) },
        Deviation(.webhook, "no JSON") { $0 = ReceiptCall(body: "id=message-1").signed(by: .webhook) },
        Deviation(.webhook, "no id") { $0 = ReceiptCall(body: #"{"state":"failed"}"#).signed(by: .webhook) },
        Deviation(.webhook, "an unknown state") {
            $0 = ReceiptCall(body: #"{"id":"message-1","state":"Delivered"}"#).signed(by: .webhook)
        },
        Deviation(.aliyun, "no JSON") { $0.body = "biz_id=B1" }, Deviation(.aliyun, "nothing") { $0.body = "" },
        Deviation(.aliyun, "no list") { $0.body = #"{"biz_id":"B1","success":true}"# },
        Deviation(.tencent, "no JSON") { $0.body = "[" }, Deviation(.tencent, "no list") { $0.body = "null" },
    ]

    @Test(arguments: malformed)
    func `what cannot be read gives no receipt`(_ deviation: Deviation) throws {
        #expect(try deviation.call.read(by: deviation.provider) == .malformed)
    }

    // MARK: - States

    static let states: [(provider: HTTPProvider, status: String, state: DeliveryReceipt.State?)] = [
        (.twilio, "delivered", .delivered), (.twilio, "read", .delivered), (.twilio, "failed", .failed),
        (.twilio, "undelivered", .failed), (.twilio, "queued", nil), (.twilio, "sent", nil), (.twilio, "Failed", nil),
        (.twilio, "", nil), (.vonage, "delivered", .delivered), (.vonage, "failed", .failed),
        (.vonage, "rejected", .failed), (.vonage, "expired", .failed), (.vonage, "accepted", nil),
        (.vonage, "buffered", nil), (.vonage, "unknown", nil), (.vonage, "", nil),
    ]

    @Test(arguments: states)
    func `a state on the way, or an unknown one, changes nothing`(
        _ row: (provider: HTTPProvider, status: String, state: DeliveryReceipt.State?)
    ) throws {
        let isTwilio = row.provider == .twilio
        let call =
            isTwilio
            ? ReceiptCall.twilio.with("MessageStatus", row.status)
            : ReceiptCall.vonage.with("status", row.status)
        let receipts = row.state.map {
            [isTwilio ? receipt("SM1", "message-1", $0) : receipt("0A00", "message-1", $0, code: "0")]
        }
        let reading = try call.signed(by: row.provider).read(by: row.provider)
        #expect(reading == .receipts(receipts ?? [], reply: nil))
    }

    static let reports: [(provider: HTTPProvider, report: String, state: DeliveryReceipt.State?)] = [
        (.aliyun, #"{"biz_id":"X","success":true}"#, .delivered), (.aliyun, "[]", nil),
        (.aliyun, #"{"biz_id":"X","success":false}"#, .failed), (.aliyun, #"{"biz_id":"X"}"#, nil),
        (.aliyun, #"{"biz_id":"X","success":"true"}"#, nil), (.aliyun, #"{"success":true}"#, nil),
        (.aliyun, #"{"biz_id":1,"success":true}"#, nil),
        (.tencent, #"{"sid":"X","report_status":"SUCCESS"}"#, .delivered), (.tencent, "null", nil),
        (.tencent, #"{"sid":"X","report_status":"FAIL"}"#, .failed), (.tencent, #"{"sid":"X"}"#, nil),
        (.tencent, #"{"report_status":"SUCCESS"}"#, nil), (.tencent, #"{"sid":"X","report_status":1}"#, nil),
        (.tencent, #"{"sid":"X","report_status":"UNKNOWN"}"#, nil),
    ]

    @Test(arguments: reports)
    func `of several reports each stands for itself`(
        _ row: (provider: HTTPProvider, report: String, state: DeliveryReceipt.State?)
    ) throws {
        var call = row.provider == .aliyun ? ReceiptCall.aliyun : ReceiptCall.tencent
        call.body = "\(call.body.dropLast()),\(row.report)]"
        guard case .receipts(let receipts, reply: _) = try call.read(by: row.provider) else {
            Issue.record("the others are fine")
            return
        }
        #expect(receipts.first?.state == .delivered)
        #expect(receipts.count == (row.state == nil ? 1 : 2))
        #expect(receipts.dropFirst().first?.state == row.state)
        // Without our own id a report must fit no message: `nil` would mean that this provider has none.
        if row.provider == .aliyun, row.state != nil { #expect(receipts.last?.messageID == "") }
    }

    // MARK: - Times and signatures

    @Test(arguments: [(-301, false), (-300, true), (0, true), (300, true), (301, false)])
    func `a signature is good for five minutes before and after`(_ seconds: Int, _ isBelieved: Bool) throws {
        let now = Timestamp.noon.adding(milliseconds: 999)
        let sent = Timestamp.noon.adding(seconds: seconds)
        let webhook = try ReceiptCall.webhook.signed(by: .webhook, at: sent).read(by: .webhook, at: now)
        #expect((webhook != .forged) == isBelieved)
        let call = ReceiptCall.vonage.with("timestamp", "\(sent.seconds)").signed(by: .vonage)
        let vonage = try call.read(by: .vonage, at: now)
        #expect((vonage != .forged) == isBelieved)
    }

    static let vonageMethods: [(method: String, signature: String)] = [
        ("md5", "eeecf9e9be24d501719aa5f8da5904a0"), ("sha1", "E3464C289CA1E7DE7830F5B427097DDE191BF671"),
        (
            "sha512",
            "29380c2bf69c31530c1fa3cd5842e437c4640ead0822f6fcadbac51b220b1de5"
                + "9ed411c2ebe29b1cac93055e766a394eba7d4cd62983e06141513cfa4024ab99"
        ),
    ]

    @Test(arguments: vonageMethods)
    func `Vonage signs as its account is set to, and not otherwise`(
        _ row: (method: String, signature: String)
    ) throws {
        let call = ReceiptCall.vonage.with("sig", row.signature)
        #expect(try call.read(by: .vonage, ["signatureMethod": .string(row.method)]) != .forged)
        #expect(try call.read(by: .vonage) == .forged)
        #expect(try ReceiptCall.vonage.read(by: .vonage, ["signatureMethod": .string(row.method)]) == .forged)
    }

    @Test func `Vonage may post a form, or JSON`() throws {
        let expected = try ReceiptCall.vonage.read(by: .vonage)
        #expect(try ReceiptCall(form: ReceiptCall.vonage.query).read(by: .vonage) == expected)
        let members = ReceiptCall.vonage.query.map { pair -> (String, JSONValue) in
            (pair.name, pair.name == "timestamp" ? .integer(1_767_268_800) : .string(pair.value))
        }
        let json = JSONValue.object(JSONObject(members)).serializedText
        #expect(try ReceiptCall(body: json).read(by: .vonage) == expected)
    }

    // MARK: - Who reads

    private func connector(_ entry: JSONObject) -> ConfiguredConnector? {
        ConnectorCatalogue.read(
            [.object(entry)], receiptBase: HTTPProvider.receiptBase, isReachable: true, environment: [:]
        ).connectors.first
    }

    @Test(arguments: HTTPProvider.allCases)
    func `a provider may report where its reports can be believed`(_ provider: HTTPProvider) {
        let entry = provider.entry()
        #expect((connector(entry)?.receiptSource == nil) == (provider == .sns))
        #expect(connector(provider.entry(["receipts": false]))?.receiptSource == nil)
        for secret in ["receiptSecret", "signatureSecret"] where entry[secret] != nil {
            var bare = entry
            bare[secret] = nil
            #expect(connector(bare)?.receiptSource == nil)
        }
    }

    @Test func `a provider's reports are read behind the inbox of development too`() throws {
        let twilio = try #require(connector(HTTPProvider.twilio.entry()))
        let shown = twilio.wrapping { InboxConnector(inbox: DevelopmentInbox(), next: $0) }
        #expect(shown.receiptSource is TwilioConnector)
    }
}
