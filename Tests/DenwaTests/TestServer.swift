import Cryptography
import Foundation
import Hummingbird
import HummingbirdTesting
import JOSE
import Logging
import Messaging
import NIOCore
import OAuth
import Storage
import TestSupport
import Testing
import Time

@testable import denwa

/// A whole server in this process, on a fresh folder, with a clock that the test moves.
struct TestServer: Sendable {
    let composition: Composition
    let clock: ManualClock
    let folder: String
    let http: any TestClientProtocol

    static let clients = """
        {"clients": [
          {"client_id": "game", "client_name": "Game", "redirect_uris": ["https://game.example/cb"], "audience": "api"},
          {"client_id": "api", "client_secret": "api-secret", "grant_types": ["client_credentials"],
           "may_introspect": true}
        ]}
        """

    static func run(
        clients: String = TestServer.clients, _ configure: (inout ServerConfiguration) -> Void = { _ in },
        engine: (any SQLEngine) -> any SQLEngine = { $0 },
        _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            let clock = ManualClock()
            var configuration = ServerConfiguration(issuer: try #require(Issuer("http://localhost:8080")))
            configuration.database = .sqlite(path: "\(folder)/denwa.sqlite")
            configuration.keysDirectory = "\(folder)/keys"
            configuration.clientsFile = "\(folder)/clients.json"
            configuration.connectors = [.file("\(folder)/outbox.jsonl")]
            configure(&configuration)
            try clients.write(toFile: configuration.clientsFile, atomically: true, encoding: .utf8)
            let logger = Logger(label: "test") { LogOutput(label: $0, level: .critical, format: .json) }
            let composition = try await Composition(
                configuration, clock: clock.clock, logger: logger, engine: engine)
            try await Application(responder: composition.responder, logger: logger).test(.router) { http in
                let server = TestServer(composition: composition, clock: clock, folder: folder, http: http)
                try await withThrowingTaskGroup { group in
                    group.addTask { try await composition.delivery.run() }
                    try await body(server)
                    group.cancelAll()
                }
            }
        }
    }

    // MARK: - Calls

    struct Reply: Sendable {
        let status: HTTPResponse.Status
        let headers: HTTPFields
        let body: JSONValue?

        var errorCode: String? { body?["error"]?["code"]?.string ?? body?["error"]?.string }
    }

    private func reply(_ response: TestResponse) -> Reply {
        Reply(
            status: response.status, headers: response.headers,
            body: try? JSONValue(parsing: Array(response.body.readableBytesView)))
    }

    func post(_ path: String, json: JSONValue) async throws -> Reply {
        reply(
            try await http.executeRequest(
                uri: path, method: .post, headers: [.contentType: "application/json"],
                body: ByteBuffer(bytes: json.serialized())))
    }

    func post(_ path: String, form: [String: String], authorization: String? = nil) async throws -> Reply {
        var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        headers[.authorization] = authorization
        let body = form.map { "\($0.key)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        return reply(
            try await http.executeRequest(
                uri: path, method: .post, headers: headers, body: ByteBuffer(string: body)))
    }

    func get(_ path: String, bearer: String? = nil) async throws -> Reply {
        var headers: HTTPFields = [:]
        headers[.authorization] = bearer.map { "Bearer \($0)" }
        return reply(try await http.executeRequest(uri: path, method: .get, headers: headers, body: nil))
    }

    // MARK: - A phone login

    func start(_ number: String, client: String = "game", device: String? = nil) async throws -> Reply {
        var body: JSONObject = ["phone_number": .string(number)]
        if let device { body["device_id"] = .string(device) }
        return try await post(
            "/oauth2/login/phone/request?response_type=code&client_id=\(client)&state=12345678&scope=offline",
            json: .object(body))
    }

    func confirm(_ operation: String, _ number: String, code: String, device: String? = nil) async throws -> Reply {
        var body: JSONObject = [
            "operation_id": .string(operation), "phone_number": .string(number), "code": .string(code),
        ]
        if let device { body["device_id"] = .string(device) }
        return try await post("/oauth2/login/phone/confirm?client_id=game", json: .object(body))
    }

    /// Starts a login and waits for its text.
    func textedCode(_ number: String, device: String? = nil) async throws -> (operation: String, code: String) {
        let before = texts(to: number).count
        let reply = try await start(number, device: device)
        let operation = try #require(reply.body?["operation_id"]?.string)
        while texts(to: number).count == before { try await Task.sleep(for: .milliseconds(2)) }
        return (operation, try #require(texts(to: number).last))
    }

    /// The codes texted to a number, oldest first.
    func texts(to number: String) -> [String] {
        let lines = (try? String(contentsOfFile: "\(folder)/outbox.jsonl", encoding: .utf8)) ?? ""
        return lines.split(separator: "\n").compactMap { line in
            guard let message = try? JSONValue(parsing: Array(line.utf8)), message["to"]?.string == number else {
                return nil
            }
            return message["body"]?.string?.prefix(while: \.isNumber).description
        }
    }

    func tokens(_ number: String) async throws -> (access: String, refresh: String) {
        let (operation, code) = try await textedCode(number)
        let confirmed = try await confirm(operation, number, code: code)
        let url = try #require(confirmed.body?["login_url"]?.string)
        let authorizationCode = try #require(URLComponents(string: url)?.queryItems?.first { $0.name == "code" }?.value)
        let reply = try await token(["grant_type": "authorization_code", "code": authorizationCode])
        return (
            try #require(reply.body?["access_token"]?.string), try #require(reply.body?["refresh_token"]?.string)
        )
    }

    func token(_ form: [String: String]) async throws -> Reply {
        try await post("/oauth2/token", form: form.merging(["client_id": "game"]) { given, _ in given })
    }

    func isActive(_ token: String) async throws -> Bool? {
        let authorization = "Basic " + Base64.encode(Array("api:api-secret".utf8))
        let reply = try await post("/oauth2/introspect", form: ["token": token], authorization: authorization)
        return reply.body?["active"]?.bool
    }
}

extension ConfiguredConnector {
    static func file(_ path: String) -> ConfiguredConnector {
        ConfiguredConnector(name: "file", type: "file", connector: FileConnector(path: path))
    }
}
