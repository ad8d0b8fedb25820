import Foundation
import JOSE
import Messaging
import OutboundHTTP
import TestSupport
import Testing
import Time

@Suite struct ConnectorMembersTests {
    private func read(_ entries: JSONObject..., environment: [String: String] = [:]) -> ConnectorCatalogue.Reading {
        ConnectorCatalogue.read(
            entries.map(JSONValue.object), receiptBase: HTTPProvider.receiptBase, isReachable: false,
            environment: environment)
    }

    static let required: [(type: String, members: [String])] = [
        ("aliyun", ["accessKeyId", "accessKeySecret", "signName", "templates"]),
        ("twilio", ["accountSID", "authToken", "from"]),
        ("sns", ["region", "accessKeyId", "secretAccessKey"]),
        ("tencent", ["secretId", "secretKey", "sdkAppId", "signName", "templateId"]),
        ("vonage", ["apiKey", "apiSecret", "from"]), ("webhook", ["url", "secret"]), ("smtp", ["host", "from"]),
        ("file", ["path"]), ("console", []),
    ]

    @Test(arguments: required)
    func `what is missing is told once, by its name`(_ row: (type: String, members: [String])) {
        let problems = read(["type": .string(row.type)]).problems
        for member in row.members {
            #expect(problems.count { $0.contains("\"\(member)\"") } == 1, "\(member) in \(problems)")
        }
        #expect(problems.count == row.members.count)
        #expect(problems.allSatisfy { $0.hasPrefix("connector \"\(row.type)\": ") })
    }

    static let optional: [HTTPProvider: JSONObject] = [
        .aliyun: ["signatureVersion": "v1", "templateParameters": ["code"], "strictPhoneRegionNumberCheck": false],
        .sns: ["sessionToken": "t", "senderID": "Game"], .tencent: ["region": "ap-singapore"],
        .vonage: ["signatureMethod": "md5"],
    ]

    static let others: [JSONObject] = [
        [
            "type": "smtp", "host": "mail.example", "port": 465, "username": "u", "password": "p",
            "from": "login@mail.example", "tls": "implicit", "caFile": "/etc/ca.pem", "timeoutSeconds": 1,
        ],
        ["type": "file", "path": "/var/outbox.jsonl", "name": "outbox-1"], ["type": "console"],
    ]

    @Test func `every member there is can be written`() {
        let entries = HTTPProvider.allCases.map { provider -> JSONObject in
            var entry = provider.entry(Self.optional[provider] ?? [:])
            entry["countries"] = ["JP", "us"]
            entry["weight"] = 1000
            entry["timeoutSeconds"] = 60
            if provider != .sns { entry["receipts"] = false }
            if provider != .webhook { entry["baseURL"] = "http://127.0.0.1:8080" }
            return entry
        }
        for entry in entries + Self.others {
            let reading = read(entry)
            #expect(reading.problems.isEmpty)
            #expect(reading.warnings.isEmpty)
            #expect(reading.connectors.count == 1)
        }
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let provider: HTTPProvider
        let member: String
        let values: [JSONValue]
        let problem: String

        init(_ provider: HTTPProvider, _ member: String, _ values: [JSONValue], _ problem: String) {
            (self.provider, self.member, self.values, self.problem) = (provider, member, values, problem)
        }

        var testDescription: String { "\(provider) \(member): \(problem)" }
    }

    static let refusals: [Refusal] = [
        Refusal(
            .twilio, "name", ["", "Twilio", "a_b", "a b", "../x", "é", .string(longName + "x")], "must be 1 to 32"),
        Refusal(.twilio, "authToken", [true, .null, [], [:], ["env": 5], ["path": "/x"]], "must be a text"),
        Refusal(.twilio, "authToken", ["", ["env": "EMPTY"]], "must not be empty"),
        Refusal(.twilio, "authToken", ["a\nb", "a\r", "\u{0}", "\u{7F}", ["env": "LINES"]], "must be one line"),
        Refusal(.twilio, "authToken", [["env": "NOPE"]], "there is no environment variable NOPE"),
        Refusal(.twilio, "authToken", [["file": "/nowhere/token"]], "/nowhere/token cannot be read"),
        Refusal(.twilio, "messagingServiceSID", ["MG123"], "exactly one of \"from\" and "),
        Refusal(.twilio, "weight", [0, 1001, .integer(-1), "5", .number(1.5), .null], "an integer from 1 to 1000"),
        Refusal(.twilio, "timeoutSeconds", [0, 61, "10", 9_223_372_036_854_775_807], "an integer from 1 to 60"),
        Refusal(.twilio, "countries", ["JP", [1], [["JP"]], true, .null], "must be a list of texts"),
        Refusal(.twilio, "countries", [["JPN"], ["JP", ""], ["日本"]], "two letters"),
        Refusal(.twilio, "receipts", ["true", 1, .null], "must be true or false"),
        Refusal(.twilio, "baseURL", badURLs + ["https://x.example?a=b"], "must be an http or https URL"),
        Refusal(.webhook, "url", badURLs, "must be an http or https URL"),
        Refusal(.aliyun, "signatureVersion", ["v2", "ACS3", 1], "must be one of acs3, v1"),
        Refusal(.vonage, "signatureMethod", ["none", "SHA256", "sha384"], "must be one of md5, sha1, sha256, sha512"),
        Refusal(.tencent, "templateId", ["", ["china": "1"], ["china": "", "overseas": "2"]], "must be a text or"),
        Refusal(.tencent, "templateParameters", [[], ["app"], ["code", "name"], ["Code"]], "must be among code, app"),
        Refusal(.aliyun, "templateParameters", ["code", [1]], "must be a list of texts"),
        Refusal(.aliyun, "templates", ["SMS_1", [:], .null], "is missing: a list of"),
        Refusal(.aliyun, "strictPhoneRegionNumberCheck", ["true"], "must be true or false"),
    ]

    private static let longName = String(repeating: "a", count: 32)
    private static let badURLs: [JSONValue] = [
        "ftp://x.example", "x.example", "https://", "http:///x", "https://a b", "https://u@x.example",
        "https://x.example#a", "https://x.example\\", "https://é.example", "HTTPS:x",
    ]

    @Test(arguments: refusals)
    func `one member that cannot be is one problem`(_ refusal: Refusal) {
        for value in refusal.values {
            var entry = refusal.provider.entry()
            entry[refusal.member] = value
            let problems = read(entry, environment: ["EMPTY": "", "LINES": "first secret\nsecond secret"]).problems
            #expect(problems.count == 1, "\(value)")
            #expect(problems.first?.contains(refusal.problem) == true, "\(value): \(problems)")
            #expect(problems.first?.contains("secret") == false, "problems are printed")
        }
    }

    @Test func `a name is as long as it may be`() {
        #expect(read(HTTPProvider.twilio.entry(["name": .string(Self.longName)])).problems.isEmpty)
    }

    // MARK: - Templates

    @Test func `the purposes that Aliyun's templates lack are listed`() {
        func problems(_ types: [String]) -> [String] {
            var entry = HTTPProvider.aliyun.entry()
            entry["templates"] = .array(
                types.map { type -> JSONValue in ["usageType": .string(type), "templateCode": "SMS_1"] })
            return read(entry).problems
        }
        let lacks = "connector \"aliyun\": \"templates\" lacks "
        #expect(problems([]) == [lacks + "Register, SignIn, ForgotPassword, Generic"])
        #expect(problems(["Generic"]) == [lacks + "Register, SignIn, ForgotPassword"])
        #expect(problems(["MfaVerification", "SignIn", "Register", "Generic"]) == [lacks + "ForgotPassword"])
        #expect(problems(["Generic", "ForgotPassword", "SignIn", "Register"]).isEmpty)
    }

    static let badTemplates: [JSONValue] = [
        "SMS_1", [:], ["usageType": "SignIn"], ["templateCode": "SMS_1"],
        ["usageType": "signin", "templateCode": "SMS_1"], ["usageType": "SignIn", "templateCode": ""],
        ["usageType": "SignIn", "templateCode": ["china": "SMS_1"]],
        ["usageType": "SignIn", "templateCode": ["china": "SMS_1", "overseas": true]],
    ]

    @Test(arguments: badTemplates)
    func `a template that cannot be is named by its place`(_ template: JSONValue) {
        var entry = HTTPProvider.aliyun.entry()
        entry["templates"] = .array((entry["templates"]?.array ?? []) + [template])
        let problems = read(entry).problems
        #expect(problems.count == 1)
        #expect(problems.first?.contains("\"templates\", entry 5, needs a known \"usageType\"") == true)
    }

    // MARK: - Secrets

    private func authorization(_ reading: ConnectorCatalogue.Reading) -> String? {
        let connector = reading.connectors.first?.connector as? any HTTPConnector
        return connector?.request(for: .sample(), at: .noon).header("Authorization")
    }

    private func basic(_ token: String) -> String { "Basic \(Data("AC123:\(token)".utf8).base64EncodedString())" }

    @Test func `a secret may be in the environment, and ids may be numbers`() {
        var entry = HTTPProvider.twilio.entry()
        entry["authToken"] = ["env": "TOKEN"]
        #expect(authorization(read(entry, environment: ["TOKEN": "from there"])) == basic("from there"))
        entry["authToken"] = 1234
        #expect(authorization(read(entry)) == basic("1234"))
    }

    static let files: [(content: String, token: String?)] = [
        ("token", "token"), ("token\n", "token"), (" token ", " token "), ("電話\n", "電話"), ("token\n\n", nil),
        ("\ntoken", nil), ("a\tb\n", nil), ("\n", nil), ("", nil),
    ]

    @Test(arguments: files)
    func `a secret may be a file's one line`(_ row: (content: String, token: String?)) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/token"
            try Data(row.content.utf8).write(to: URL(filePath: path))
            var entry = HTTPProvider.twilio.entry()
            entry["authToken"] = ["file": .string(path)]
            let reading = read(entry)
            #expect(reading.problems.isEmpty == (row.token != nil))
            if let token = row.token { #expect(authorization(reading) == basic(token)) }
        }
    }

    // MARK: - Several

    @Test func `a member that nothing asks for is most likely misspelt`() {
        var entry = HTTPProvider.twilio.entry()
        entry["acountSID"] = "AC123"
        entry["Weight"] = 1
        let reading = read(entry)
        #expect(reading.problems.isEmpty)
        #expect(reading.warnings.count == 2)
        #expect(reading.warnings.contains("connector \"twilio\": there is no member \"acountSID\""))
    }

    @Test func `every connector has a name of its own`() {
        let twilio = HTTPProvider.twilio.entry()
        var other = twilio
        other["name"] = "vonage"
        #expect(read(twilio, other).connectors.map(\.name) == ["twilio", "vonage"])
        #expect(read(twilio, other).problems.isEmpty)
        for twice in [[twilio, twilio], [other, HTTPProvider.vonage.entry()]] {
            let problems = read(twice[0], twice[1]).problems
            #expect(problems.count == 1)
            #expect(problems.first?.contains("there is another connector of this name") == true)
        }
    }

    @Test func `countries and weights are where the routes find them`() throws {
        var entry = HTTPProvider.twilio.entry()
        entry["countries"] = ["jp", "US", "JP"]
        entry["weight"] = 3
        let connector = try #require(read(entry).connectors.first)
        #expect(connector.countries == ["JP", "US"])
        #expect(connector.weight == 3)
        let plain = try #require(read(HTTPProvider.twilio.entry()).connectors.first)
        #expect(plain.countries.isEmpty)
        #expect(plain.weight == nil)
        #expect(plain.connector.timeoutSeconds == 10)
    }

    @Test func `all problems of all connectors are told at once`() {
        var heavy = HTTPProvider.vonage.entry()
        heavy["weight"] = 5000
        let reading = read(["type": "twilio"], ["type": "pigeon"], [:], ["type": "sns", "region": "eu"], heavy, heavy)
        #expect(reading.problems.count == 3 + 1 + 1 + 2 + 1 + 2)
        #expect(reading.problems.count { $0.hasPrefix("a connector's \"type\" must be one of aliyun, twilio") } == 2)
    }
}
