import Messaging
import OutboundHTTP
import Testing

@Suite(.timeLimit(.minutes(5))) struct ConnectorReplyTests {
    private func result(
        _ provider: HTTPProvider, _ status: Int, _ body: String, retryAfter: String? = nil
    ) throws -> SendResult {
        try provider.connector().result(
            of: OutboundReply(status: status, retryAfter: retryAfter, body: Array(body.utf8)))
    }

    // MARK: - What providers say

    static let accepted: [(provider: HTTPProvider, status: Int, id: String?)] = [
        (.aliyun, 200, "900619746936498440^0"), (.twilio, 201, "SM0123"), (.sns, 200, "94f20ce6-13c5-43a0-9a9e"),
        (.tencent, 200, "5000:1045710669157053657849499619"), (.vonage, 200, "0A0000000123ABCD1"), (.webhook, 204, nil),
    ]

    @Test(arguments: accepted)
    func `a text that was taken has the provider's id`(
        _ row: (provider: HTTPProvider, status: Int, id: String?)
    ) throws {
        let result = try result(row.provider, row.status, row.provider.success)
        #expect(result.outcome == .accepted(providerID: row.id))
        #expect(result.answer.status == row.status)
    }

    struct Failure: Sendable, CustomTestStringConvertible {
        let provider: HTTPProvider
        let status: Int
        let outcome: String
        let code: String

        var testDescription: String { "\(provider) \(status) \(code)" }
    }

    private static func rows(
        _ provider: HTTPProvider, _ status: Int, _ outcome: String, _ codes: String...
    ) -> [Failure] {
        codes.map { Failure(provider: provider, status: status, outcome: outcome, code: $0) }
    }

    static let failures: [Failure] = [
        rows(.aliyun, 200, "throttled", "isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL"),
        rows(.aliyun, 200, "refused", "isv.MOBILE_NUMBER_ILLEGAL"),
        rows(
            .aliyun, 200, "misconfigured", "isv.AMOUNT_NOT_ENOUGH", "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL",
            "isp.RAM_PERMISSION_DENY", "SignatureDoesNotMatch", "isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGNATURE_ILLEGAL",
            "isv.TEMPLATE_MISSING_PARAMETERS", "isv.SOMETHING_NEW", "ok", ""),
        rows(.aliyun, 400, "misconfigured", "InvalidAccessKeyId.NotFound", "SignatureDoesNotMatch"),
        rows(.aliyun, 200, "unreachable", "isp.SYSTEM_ERROR"),
        rows(.aliyun, 503, "unreachable", "ServiceUnavailable", "SomethingNew"),
        rows(.twilio, 429, "throttled", "20429"), rows(.twilio, 400, "refused", "21211", "21610", "21614"),
        rows(.twilio, 400, "misconfigured", "21408", "21612", "21606", "99999"),
        rows(.twilio, 401, "misconfigured", "20003"), rows(.twilio, 503, "unreachable", "20503", "20500"),
        rows(.sns, 400, "throttled", "Throttling", "ThrottledException"),
        rows(.sns, 400, "refused", "InvalidParameter"),
        rows(
            .sns, 403, "misconfigured", "InvalidClientTokenId", "SignatureDoesNotMatch", "AuthorizationError",
            "SomethingNew"),
        rows(.sns, 500, "unreachable", "InternalError", "SomethingNew"),
        rows(.tencent, 200, "throttled", "LimitExceeded.PhoneNumberDailyLimit", "RequestLimitExceeded"),
        rows(
            .tencent, 200, "refused", "InvalidParameterValue.IncorrectPhoneNumber",
            "FailedOperation.PhoneNumberInBlacklist"),
        rows(
            .tencent, 200, "misconfigured", "AuthFailure.SignatureFailure", "AuthFailure.SecretIdNotFound",
            "FailedOperation.InsufficientBalanceInSmsPackage", "FailedOperation.SignatureIncorrectOrUnapproved",
            "InternalError.SigVerificationFail", "SomethingNew", "OK"),
        rows(.tencent, 200, "unreachable", "InternalError.Timeout", "InternalError"),
        rows(.vonage, 200, "throttled", "1"), rows(.vonage, 200, "refused", "3", "6", "7"),
        rows(.vonage, 200, "misconfigured", "2", "4", "8", "9", "29", "99", "00", ""),
        rows(.vonage, 200, "unreachable", "5"),
        rows(.webhook, 429, "throttled", ""), rows(.webhook, 400, "refused", ""),
        rows(.webhook, 499, "refused", ""), rows(.webhook, 302, "misconfigured", ""),
        rows(.webhook, 500, "unreachable", ""), rows(.webhook, 503, "unreachable", ""),
    ].flatMap { $0 }

    @Test(arguments: failures)
    func `what a provider says decides what happens next, and shows neither number nor code`(_ row: Failure) throws {
        let result = try result(row.provider, row.status, row.provider.failure(row.code))
        #expect(result.outcome.name == row.outcome)
        #expect(result.answer.status == row.status)
        #expect((result.answer.code ?? "") == row.code)
        #expect((result.answer.words ?? "").longestNumber < 4)
    }

    @Test(arguments: failures.filter { $0.provider == .tencent })
    func `Tencent says the same of one number`(_ row: Failure) throws {
        let body = #"{"Response":{"SendStatusSet":[{"SerialNo":"","Code":"\#(row.code)","Message":"x"}]}}"#
        #expect(try result(.tencent, row.status, body).outcome.name == row.outcome)
    }

    static let pauses: [(field: String?, seconds: Int?)] = [
        (nil, nil), ("0", 0), ("30", 30), ("86400", 86_400), ("86401", nil), ("-1", nil), ("", nil), ("soon", nil),
        ("1.5", nil), ("Wed, 21 Oct 2026 07:28:00 GMT", nil), ("99999999999999999999", nil),
    ]

    @Test(arguments: pauses)
    func `who throttles may say for how long`(_ row: (field: String?, seconds: Int?)) throws {
        for failure in Self.failures where failure.outcome == "throttled" {
            let body = failure.provider.failure(failure.code)
            let result = try result(failure.provider, failure.status, body, retryAfter: row.field)
            #expect(result.outcome == .throttled(retryAfterSeconds: row.seconds))
        }
    }

    // MARK: - What makes no sense

    static let statuses: [Int] =
        Array(stride(from: 100, through: 599, by: 7)) + [200, 204, 400, 401, 403, 404, 405, 429, 500, 503]

    private func unexplained(_ provider: HTTPProvider, _ status: Int) -> String {
        switch status {
        case 200..<300: provider == .webhook ? "accepted" : "unreachable"
        case 429: "throttled"
        case 400..<500 where provider == .webhook: "refused"
        case 300..<400, 401, 403, 404, 405: "misconfigured"
        default: "unreachable"
        }
    }

    static let unreadableTexts = [
        "", " ", "null", "[]", "{}", "true", "0", "\"OK\"", "{\"Code\":\"OK\"", "{\"sid\":\"SM1\"",
        "{\"messages\":[{\"status\":\"0\"}]", "{\"Response\":{\"SendStatusSet\":[{\"Code\":\"Ok\"}]}",
        "<MessageId>1", "<html><body><h1>502 Bad Gateway</h1></body></html>", "\u{FEFF}{\"Code\":\"OK\"}",
        "{\"code\":1e999}", "{\"Code\":\"OK\",\"Code\":\"OK\"}", "{\"code\":21211,}",
        String(repeating: "[", count: 60_000), String(repeating: "{\"Response\":", count: 5000),
    ]

    /// Around a quotation mark, bytes that are not UTF-8.
    static let unreadableBytes: [[UInt8]] = [
        [0xFF, 0xFE], [0x00], [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], [0x22, 0xED, 0xA0, 0x80, 0x22],
    ]

    @Test(arguments: HTTPProvider.allCases)
    func `a reply that makes no sense is judged by its status`(_ provider: HTTPProvider) throws {
        let connector = try provider.connector()
        for body in Self.unreadableTexts.map({ Array($0.utf8) }) + Self.unreadableBytes {
            for status in Self.statuses {
                let name = connector.result(of: OutboundReply(status: status, body: body)).outcome.name
                guard name != unexplained(provider, status) else { continue }
                Issue.record("\(status) with \(String(decoding: body.prefix(60), as: UTF8.self)): \(name)")
            }
        }
    }

    static let wrongTypes = [
        #"{"Code":0,"code":"21211","messages":{},"Response":[],"sid":1}"#,
        #"{"Code":null,"code":null,"messages":null,"Response":null,"sid":null}"#,
        #"{"Code":["OK"],"code":21211.5,"messages":[],"Response":{"SendStatusSet":[]},"sid":["SM1"]}"#,
        #"{"Code":{},"code":true,"messages":[{}],"Response":{"SendStatusSet":[{}]},"sid":{}}"#,
        #"{"Code":true,"code":99999999999999999999,"messages":[{"status":false}],"Response":{"Error":null}}"#,
        #"{"messages":["0"],"Response":{"SendStatusSet":[{"Code":0}]}}"#,
        #"{"messages":[[{"status":"0"}]],"Response":{"SendStatusSet":{"Code":"Ok"}}}"#,
        #"{"messages":[{"status":0.5}],"Response":{"Error":"AuthFailure"}}"#,
    ]

    @Test(arguments: HTTPProvider.allCases.filter { $0 != .webhook })
    func `members of the wrong type neither take a text nor refuse a number`(_ provider: HTTPProvider) throws {
        for body in Self.wrongTypes {
            for status in Self.statuses {
                let name = try result(provider, status, body).outcome.name
                #expect(!["accepted", "refused"].contains(name), "\(status) with \(body)")
            }
        }
    }

    /// The words may come from a cache or a gateway: where HTTP says failure, nothing was sent.
    @Test(arguments: HTTPProvider.allCases)
    func `words of success under a status of failure are no success`(_ provider: HTTPProvider) throws {
        for status in Self.statuses where !(200..<300).contains(status) {
            #expect(try result(provider, status, provider.success).outcome.name != "accepted", "\(status)")
        }
    }

    @Test(arguments: HTTPProvider.allCases)
    func `no garbled reply ends the process, passes a failure for success, or shows a number`(
        _ provider: HTTPProvider
    ) throws {
        let connector = try provider.connector()
        let codes = Self.failures.filter { $0.provider == provider }.map(\.code)
        let valid: [String] = [provider.success, provider.success] + codes.map { provider.failure($0) }
        let bodies = valid.map { Array($0.utf8) }
        var dice = Dice(seed: 1)
        var wrong: [String] = []
        for _ in 0..<20_000 {
            var body = bodies.randomElement(using: &dice) ?? []
            dice.garble(&body)
            let status = Self.statuses.randomElement(using: &dice) ?? 200
            let result = connector.result(of: OutboundReply(status: status, body: body))
            let isFalse = result.outcome.name == "accepted" && !(200..<300).contains(status)
            guard isFalse || (result.answer.words ?? "").longestNumber > 3 else { continue }
            wrong.append("\(status) \(String(decoding: body, as: UTF8.self))")
        }
        #expect(wrong.isEmpty, "\(wrong.count), such as \(wrong.prefix(3))")
    }
}

/// The same throws in every run (SplitMix64), so that a failure can be run again.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Up to four changes: a byte more, another, or fewer, or the end cut off.
    mutating func garble(_ bytes: inout [UInt8]) {
        let interesting = Array("{}[]\",:\\<>/u0123456789nOKk\u{0}é".utf8) + [0x80, 0xC0, 0xED, 0xFF]
        for _ in 0..<Int.random(in: 0...4, using: &self) {
            let index = Int.random(in: 0...bytes.count, using: &self)
            let byte = interesting.randomElement(using: &self) ?? 0
            switch Int.random(in: 0..<16, using: &self) {
            case 0..<5: bytes.insert(byte, at: index)
            case 5..<10 where index < bytes.count: bytes[index] = byte
            case 10..<15 where index < bytes.count: bytes.remove(at: index)
            case 15: bytes.removeLast(bytes.count - index)
            default: break
            }
        }
    }
}
