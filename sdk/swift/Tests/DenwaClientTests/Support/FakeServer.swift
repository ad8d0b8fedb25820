import Foundation

@testable import DenwaClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The far end of the wire: answers by path, and remembers what it was asked.
final class FakeServer: HTTPTransport, @unchecked Sendable {
    struct Answer {
        var status = 200
        var headers: [String: String] = [:]
        var body: String = "{}"

        static func json(_ body: String) -> Self { Self(body: body) }
        static func refusal(_ status: Int, _ body: String, _ headers: [String: String] = [:]) -> Self {
            Self(status: status, headers: headers, body: body)
        }
    }

    typealias Handler = @Sendable (URLRequest) async throws -> Answer

    static let issuer = "https://id.example.com"
    private let lock = NSLock()
    private var handlers: [String: Handler] = [:]
    private var asked: [URLRequest] = []

    /// - Parameters:
    ///   - dpop: whether the metadata says that tokens can be bound.
    ///   - date: the clock of the answer that has the metadata.
    init(dpop: Bool = false, date: String? = nil) {
        let endpoints = [
            "authorization_endpoint": "authorize", "token_endpoint": "token", "revocation_endpoint": "revoke",
            "userinfo_endpoint": "userinfo", "phone_login_request_endpoint": "request",
            "phone_login_confirm_endpoint": "confirm", "authorization_challenge_endpoint": "challenge",
        ]
        let members =
            endpoints.map { #""\#($0)":"\#(Self.issuer)/\#($1)""# }
            + [#""issuer":"\#(Self.issuer)""#] + (dpop ? [#""dpop_signing_alg_values_supported":["ES256"]"#] : [])
        let metadata = "{\(members.joined(separator: ","))}"
        on("/.well-known/oauth-authorization-server") { _ in
            Answer(headers: date.map { ["Date": $0] } ?? [:], body: metadata)
        }
    }

    func on(_ path: String, _ handler: @escaping Handler) { lock.withLock { handlers[path] = handler } }

    func requests(to path: String) -> [URLRequest] { lock.withLock { asked.filter { $0.url?.path == path } } }

    func answer(to request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        let handler = lock.withLock {
            asked.append(request)
            return handlers[request.url?.path ?? ""]
        }
        let answer = try await handler?(request) ?? .refusal(404, #"{"error":"not_found"}"#)
        guard let url = request.url,
            let response = HTTPURLResponse(
                url: url, statusCode: answer.status, httpVersion: "HTTP/1.1", headerFields: answer.headers)
        else { throw URLError(.badURL) }
        return (Data(answer.body.utf8), response)
    }
}

extension FakeServer {
    /// Tokens numbered as they are issued: `access-1`, `refresh-1`, `access-2` …
    func issuesTokens(type: String = "bearer", lifetime: Int = 3600) {
        let counter = Counter()
        on("/token") { _ in
            let number = counter.next()
            return .json(
                """
                {"access_token":"access-\(number)","token_type":"\(type)","expires_in":\(lifetime),\
                "refresh_token":"refresh-\(number)","scope":"offline_access"}
                """)
        }
    }

    func session(
        storage: any SecretStorage = MemoryStorage(), _ change: (inout DenwaConfiguration) -> Void = { _ in }
    ) throws -> DenwaSession {
        guard let issuer = URL(string: Self.issuer) else { throw URLError(.badURL) }
        var configuration = DenwaConfiguration(issuer: issuer, clientID: "game")
        configuration.scope = "offline_access"
        configuration.languages = ["ja", "en"]
        change(&configuration)
        return DenwaSession(configuration, storage: storage, transport: self)
    }

    /// A session that holds tokens of this `lifetime`, `age` seconds after they were issued.
    func signedIn(
        lifetime: TimeInterval, age: TimeInterval = 0, refreshToken: String? = "refresh-0", scheme: String = "bearer",
        storage: MemoryStorage = MemoryStorage()
    ) async throws -> DenwaSession {
        let session = try session(storage: storage)
        let answer = TokenAnswer(
            accessToken: "access-0", tokenType: scheme, expiresIn: lifetime, refreshToken: refreshToken, idToken: nil,
            scope: "offline_access")
        try await session.hold(Tokens(answer, askedAt: Date(timeIntervalSinceNow: -age)))
        return session
    }
}

/// Counts from 1.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    var value: Int { lock.withLock { count } }

    @discardableResult
    func next() -> Int {
        lock.withLock {
            count += 1
            return count
        }
    }
}

/// A door that whoever comes waits at until it is opened.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        if !isOpen { await withCheckedContinuation { waiting.append($0) } }
    }

    func open() {
        isOpen = true
        waiting.forEach { $0.resume() }
        waiting = []
    }

    /// Until `count` stand before the door.
    func gathers(_ count: Int) async throws {
        while waiting.count < count { try await Task.sleep(for: .milliseconds(1)) }
    }
}

extension URLRequest {
    /// The parameters of the form in the body.
    var form: [String: String] {
        let body = String(decoding: httpBody ?? Data(), as: UTF8.self)
        return URL(string: "https://form.example/?\(body)")?.queryParameters ?? [:]
    }

    var json: [String: String] {
        (try? JSONDecoder().decode([String: String].self, from: httpBody ?? Data())) ?? [:]
    }

    var proof: SentProof? { value(forHTTPHeaderField: "DPoP").flatMap { try? SentProof($0) } }
}

/// A DPoP proof as a server reads it.
struct SentProof {
    struct Header: Decodable {
        struct Key: Decodable { let kty, crv, x, y: String }
        let typ, alg: String
        let jwk: Key
    }
    struct Claims: Decodable {
        let jti, htm, htu: String
        let iat: Int
        let ath, nonce: String?
    }
    struct Malformed: Error {}

    let header: Header
    let claims: Claims
    let signed: Data
    let signature: Data

    init(_ proof: String) throws {
        let parts = proof.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Data(base64URL: parts[0]), let claims = Data(base64URL: parts[1]),
            let signature = Data(base64URL: parts[2])
        else { throw Malformed() }
        self.header = try JSONDecoder().decode(Header.self, from: header)
        self.claims = try JSONDecoder().decode(Claims.self, from: claims)
        self.signature = signature
        signed = Data("\(parts[0]).\(parts[1])".utf8)
    }

    /// Checked with the key that it carries, by a library rather than by this package.
    var isSignedByItsKey: Bool {
        guard let x = Data(base64URL: header.jwk.x), let y = Data(base64URL: header.jwk.y) else { return false }
        return isSignature(signature, of: signed, by: x + y)
    }
}
