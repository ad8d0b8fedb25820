import Cryptography
import JOSE
import OutboundHTTP
import TestSupport
import Testing
import Time

@testable import Messaging

/// Signatures that others made: published examples, and ones computed with Python's `hashlib` and `hmac` after the
/// providers' documents.
@Suite struct ConnectorKnownAnswerTests {
    typealias Pairs = [(name: String, value: String)]

    static let publishedSendSMS: Pairs = [
        ("SignatureMethod", "HMAC-SHA1"), ("SignatureNonce", "45e25e9b-0a6f-4070-8c85-2956eda1b466"),
        ("AccessKeyId", "testId"), ("SignatureVersion", "1.0"), ("Timestamp", "2017-07-12T02:42:19Z"),
        ("Format", "XML"), ("Action", "SendSms"), ("Version", "2017-05-25"), ("RegionId", "cn-hangzhou"),
        ("PhoneNumbers", "15300000001"), ("SignName", "阿里云短信测试专用"), ("TemplateParam", #"{"customer":"test"}"#),
        ("TemplateCode", "SMS_71390007"), ("OutId", "123"),
    ]

    @Test func `Aliyun's published example of the older signature`() {
        for parameters in [Self.publishedSendSMS, Array(Self.publishedSendSMS.reversed())] {
            let signature = AliyunConnector.v1Signature(method: "GET", parameters: parameters, secret: "testSecret")
            #expect(signature == "zJDF+Lrzhj/ThnlvIToysFRq6t4=")
        }
    }

    /// `A` is the beginning of most others, and what follows it there comes before `=`.
    static let prefixes: Pairs = [
        ("B", ""), ("Aa", "%"), ("A0", "3"), ("A.B", "2"), ("A-B", "1"), ("A", "~ *+/=&"),
    ]

    @Test func `Aliyun sorts names, not written pairs`() {
        let signature = AliyunConnector.v1Signature(method: "POST", parameters: Self.prefixes, secret: "testSecret")
        #expect(signature == "9W6vL9529K5EAYdIvswGXbs6bGk=")
        #expect(signature != "1JP34JUHNJWWGNcvBig9v4lN5ZE=", "the written pairs, sorted")
    }

    @Test func `names are sorted by their bytes, whatever their values`() {
        #expect(RequestEncoding.sortedByName(Self.prefixes).map(\.name) == ["A", "A-B", "A.B", "A0", "Aa", "B"])
        let odd: Pairs = [("\u{E9}", "1"), ("z", "2"), ("Z", "3"), ("", "4"), ("e\u{301}", "5"), ("~", "6")]
        #expect(RequestEncoding.sortedByName(odd).map(\.value) == ["4", "3", "5", "2", "6", "1"])
    }

    // MARK: - Whole requests

    struct Place: Sendable {
        var baseURL: String?
        let host: String
        let path: String
        /// Of the canonical request.
        let digest: String
        let signature: String

        var changes: JSONObject {
            guard let baseURL else { return [:] }
            return ["baseURL": .string(baseURL)]
        }
    }

    private func digest(of canonicalRequest: String) -> String {
        Hex.encode(Digest.sha256(Array(canonicalRequest.utf8)))
    }

    /// Whose nonce is known.
    private func aliyun(_ changes: JSONObject) -> AliyunConnector {
        var members = HTTPProvider.aliyun.members(changes)
        return AliyunConnector(&members, entropy: Entropy { count in [UInt8](repeating: 0x11, count: count) })
    }

    private static let aliyunQuery =
        "OutId=message-1&PhoneNumbers=13800138000"
        + "&SignName=%E9%98%BF%E9%87%8C%E4%BA%91%E7%9F%AD%E4%BF%A1%E6%B5%8B%E8%AF%95%E4%B8%93%E7%94%A8"
        + "&TemplateCode=SMS_71390007&TemplateParam=%7B%22code%22%3A%22246802%22%7D"

    static let acs3Places: [Place] = [
        Place(
            host: "dysmsapi.aliyuncs.com", path: "/",
            digest: "78351fc40473f34b1658958df536a03e211659e4ce89b8dc6fa1a05997db70d0",
            signature: "d261ec4189b81029bb3bb1cd22e8a67ce0932d0857fc09bd0dcd528f012af047"),
        Place(
            baseURL: "https://gateway.example:8443/providers/sms", host: "gateway.example:8443",
            path: "/providers/sms/", digest: "ecb603e91a0cc54fa3817ab17dc738c71199276490a2f132db225fc03bfc7382",
            signature: "d547bb29b504e7833e923a9f3ccab9cf294413dcbbda10ff1e52bc3bb6ed3f60"),
    ]

    @Test(arguments: acs3Places)
    func `Aliyun's ACS3 signature`(_ place: Place) {
        let names = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
        let canonicalRequest = """
            POST
            \(place.path)
            \(Self.aliyunQuery)
            host:\(place.host)
            x-acs-action:SendSms
            x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            x-acs-date:2026-01-01T12:00:00Z
            x-acs-signature-nonce:11111111-1111-4111-9111-111111111111
            x-acs-version:2017-05-25

            \(names)
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            """
        #expect(digest(of: canonicalRequest) == place.digest)
        let request = aliyun(place.changes).request(for: .sample(to: "+8613800138000", region: "CN"), at: .noon)
        #expect(request.method == "POST")
        #expect(request.url == "https://\(place.host)\(place.path)?\(Self.aliyunQuery)")
        #expect(request.body.isEmpty)
        #expect(request.header("host") == place.host)
        #expect(request.header("x-acs-date") == "2026-01-01T12:00:00Z")
        #expect(request.header("x-acs-signature-nonce") == "11111111-1111-4111-9111-111111111111")
        let authorization = "ACS3-HMAC-SHA256 Credential=testId,SignedHeaders=\(names),Signature=\(place.signature)"
        #expect(request.header("Authorization") == authorization)
    }

    @Test func `Aliyun's older signature of a whole request`() {
        let request = aliyun(["signatureVersion": "v1"])
            .request(for: .sample(to: "+8613800138000", region: "CN"), at: .noon)
        let query = request.query
        #expect(query["Timestamp"] == "2026-01-01T12:00:00Z")
        #expect(query["SignatureNonce"] == "11111111-1111-4111-9111-111111111111")
        #expect(query["Signature"] == "NV1EZrVVOwaMCcqFipMlNy6wA3E=")
    }

    static let tc3Places: [Place] = [
        Place(
            host: "sms.tencentcloudapi.com", path: "/",
            digest: "12f69b1e881ee022118ebbc432a3faf618fe95745d07afd5442002f8b011ca90",
            signature: "e210d9c72c158ca65519451ad8534ec3029020c7fe9ced3b41e5a24768914007"),
        Place(
            baseURL: "https://gateway.example:8443/providers/sms/", host: "gateway.example:8443",
            path: "/providers/sms/", digest: "ad5449f5f6d9c9e16a95daa84b75801c29ea59556002c79bf623e18a96f8a3cb",
            signature: "5e7b4fd6869af630573ba5ee16c42d33a0c923872829cf8f46283616a0a9628f"),
    ]

    @Test(arguments: tc3Places)
    func `Tencent's TC3 signature`(_ place: Place) throws {
        let canonicalRequest = """
            POST
            \(place.path)

            content-type:application/json; charset=utf-8
            host:\(place.host)
            x-tc-action:sendsms

            content-type;host;x-tc-action
            7d838e3b503da401bc1798bc545bcd89ec161d5512a16db95d02fd3ffe87afc9
            """
        #expect(digest(of: canonicalRequest) == place.digest)
        let request = try HTTPProvider.tencent.connector(place.changes)
            .request(for: .sample(to: "+8613800138000", region: "CN"), at: .noon)
        #expect(request.url == "https://\(place.host)\(place.path)")
        #expect(request.header("Host") == place.host)
        #expect(request.header("X-TC-Timestamp") == "1767268800")
        let authorization =
            "TC3-HMAC-SHA256 Credential=testID/2026-01-01/sms/tc3_request, "
            + "SignedHeaders=content-type;host;x-tc-action, Signature=\(place.signature)"
        #expect(request.header("Authorization") == authorization)
    }

    @Test func `AWS's published example post-vanilla`() {
        let signature = AWSSignature(
            service: "service", region: "us-east-1", accessKeyID: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: nil)
        let headers = signature.headers(
            host: "example.amazonaws.com", path: "/", body: [], at: Timestamp(seconds: 1_440_938_160))
        let authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            + "SignedHeaders=host;x-amz-date, "
            + "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        #expect(headers.last?.value == authorization)
    }

    static let snsPlaces: [Place] = [
        Place(
            host: "sns.ap-northeast-1.amazonaws.com", path: "/",
            digest: "969eba57e8d1fe5ed9cc157cef3a967c98e35f947460bf362d2aae255d9ffed1",
            signature: "527a14d08d2dde2599085494464f399e4b191fe953fa3173b8742e647c123990"),
        Place(
            baseURL: "https://gateway.example:8443/providers/sms", host: "gateway.example:8443",
            path: "/providers/sms/", digest: "cf059701abca51eee95356e51feb54af94c78f0e4b81986082a08479020acbf6",
            signature: "8fa319b27950f2d8546ff9d6deceffb333fee23a5374919fbfef78888e3e2748"),
    ]

    @Test(arguments: snsPlaces)
    func `AWS's signature of a text`(_ place: Place) throws {
        let canonicalRequest = """
            POST
            \(place.path)

            host:\(place.host)
            x-amz-date:20260101T120000Z

            host;x-amz-date
            2d798d41b4b2adde2a4562d131e25b283eacab9f76667f4ae5da25f5113250b8
            """
        #expect(digest(of: canonicalRequest) == place.digest)
        let request = try HTTPProvider.sns.connector(place.changes)
            .request(for: .sample(body: "246802 は確認コードです。"), at: .noon)
        #expect(request.url == "https://\(place.host)\(place.path)")
        #expect(request.header("host") == place.host)
        #expect(request.header("x-amz-date") == "20260101T120000Z")
        let authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/ap-northeast-1/sns/aws4_request, "
            + "SignedHeaders=host;x-amz-date, Signature=\(place.signature)"
        #expect(request.header("Authorization") == authorization)
    }

    @Test func `AWS signs the token of temporary credentials too`() throws {
        let request = try HTTPProvider.sns.connector(["sessionToken": "Session/Token+1=="])
            .request(for: .sample(body: "246802 は確認コードです。"), at: .noon)
        #expect(request.header("x-amz-security-token") == "Session/Token+1==")
        let authorization = try #require(request.header("Authorization"))
        #expect(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"))
        #expect(authorization.hasSuffix("=997f15ba5ebfe666793f0c8057bd2bdf028e74cab488382463d8f313576acf32"))
    }

    // MARK: - Receipts

    @Test func `Twilio's published signature`() {
        let form: Pairs = [
            ("To", "+18005551212"), ("From", "+14158675310"), ("Digits", "1234"), ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
        ]
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        let signature = TwilioConnector.signature(url: url, form: form, token: "12345")
        #expect(signature == "GvWf1cFY/Q7PnoempGyD5oXAezc=")
    }

    @Test func `Twilio sorts names, not names with their values`() {
        let form: Pairs = [("ToCity", "A"), ("To", "z"), ("To.1", "!"), ("B", "")]
        let url = "https://login.example/receipts/twilio?m=1"
        #expect(TwilioConnector.signature(url: url, form: form, token: "12345") == "7fbAW31HRR/keir5aY8K1m9IJEo=")
    }

    static let vonageSignatures: [(method: VonageConnector.SignatureMethod, signature: String)] = [
        (.md5, "eeecf9e9be24d501719aa5f8da5904a0"), (.sha1, "e3464c289ca1e7de7830f5b427097dde191bf671"),
        (.sha256, "92ceea7557f94119c5ec2c62357449f25978539345e450e8b74b3373323dcc14"),
        (
            .sha512,
            "29380c2bf69c31530c1fa3cd5842e437c4640ead0822f6fcadbac51b220b1de5"
                + "9ed411c2ebe29b1cac93055e766a394eba7d4cd62983e06141513cfa4024ab99"
        ),
    ]

    @Test(arguments: vonageSignatures)
    func `Vonage's signatures, in which values lose their signs of their own`(
        _ row: (method: VonageConnector.SignatureMethod, signature: String)
    ) {
        let parameters: Pairs = [
            ("timestamp", "1767268800"), ("to-1", "a=b&c"), ("to", "Game"), ("status", "delivered"),
            ("msisdn", "819012345678"), ("messageId", "0A00"), ("err-code", "0"), ("client-ref", "message-1"),
        ]
        let signature = VonageConnector.signature(parameters, secret: "signature secret", method: row.method)
        #expect(signature == row.signature)
    }

    @Test func `a webhook's signature`() {
        let body = Array(#"{"id":"message-1","state":"delivered"}"#.utf8)
        let signature = WebhookConnector.signature(of: body, secret: "secret", at: .noon)
        #expect(signature == "t=1767268800,v1=222966be947964aa5c502134ee8f99784eb6680e2e404b27d95708f502065f41")
    }
}
