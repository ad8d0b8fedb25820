package import AccountManagement
package import Accounts
import Cryptography
import HTTPTypes
package import Hummingbird
import JOSE
import Logging
import Messaging
package import OAuth
import RateLimiting
import Time

/// `POST /monaca/{backendID}`: the users of Monaca Backend over JSON-RPC 2.0.
package struct MonacaEndpoint: Sendable {
    private let users: MonacaUsers
    private let registry: ClientRegistry
    private let edge: Edge

    package init(
        accounts: AccountFlow, registry: ClientRegistry, sessions: SessionSettings, tokens: TokenSettings, edge: Edge
    ) {
        users = MonacaUsers(accounts: accounts, sessions: sessions, tokens: tokens)
        self.registry = registry
        self.edge = edge
    }

    /// What the CORS middleware knows this route by.
    static let path = "/monaca/"
    private static let largestBatch = 20
    /// The properties may take 500 KB, and a batch several of them.
    private static let bodyLimit = 1024 * 1024

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/monaca/:backend", post)
    }

    private func post(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        guard let client = registry[ClientID(context.pathParameter("backend"))], let backend = client.monaca
        else { return .json(.notFound, ["error": "not_found"]) }
        let body: JSONValue
        do throws(BodyFailure) {
            // The client library sends JSON and calls it a form.
            let bytes = try await request.bodyBytes(atMost: Self.bodyLimit)
            guard let parsed = try? JSONValue(parsing: bytes) else { return Self.failed(.parseError) }
            body = parsed
        } catch {
            if case .tooLarge = error { return .json(.contentTooLarge, Self.reply(.null, error: .invalidRequest)) }
            return Self.failed(.parseError)
        }
        if let batch = body.array {
            guard (1...Self.largestBatch).contains(batch.count) else { return Self.failed(.invalidRequest) }
            return await answer(batch, isBatch: true, client, backend, request, context)
        }
        return await answer([body], isBatch: false, client, backend, request, context)
    }

    /// One after the other: a batch may log in and then use it.
    private func answer(
        _ calls: [JSONValue], isBatch: Bool, _ client: Client, _ backend: MonacaBackend, _ request: Request,
        _ context: DenwaRequestContext
    ) async -> Response {
        var replies: [JSONValue] = []
        var session: String?
        var refusal: MonacaError?
        for call in calls {
            var isNotification = false
            do throws(MonacaError) {
                isNotification = call.object.map { $0["id"] == nil } ?? false
                let result = try await perform(call, client, backend, request, context)
                session = result.session ?? session
                if !isNotification { replies.append(Self.reply(call["id"] ?? .null, result: result.value)) }
            } catch {
                if error.retryAfterSeconds != nil { refusal = error }
                if !isNotification || error.code == MonacaError.invalidRequest.code {
                    replies.append(Self.reply(Self.id(of: call), error: error))
                }
            }
        }
        guard !replies.isEmpty else { return Self.with(session, .empty(.noContent)) }
        var response = Response.json(
            refusal == nil ? .ok : .tooManyRequests, isBatch ? .array(replies) : replies[0])
        if let refusal {
            response.headers[.retryAfter] = refusal.retryAfterSeconds.map(String.init)
            if let limit = refusal.limit { response.add(limit) }
        }
        return Self.with(session, response)
    }

    private func perform(
        _ call: JSONValue, _ client: Client, _ backend: MonacaBackend, _ request: Request,
        _ context: DenwaRequestContext
    ) async throws(MonacaError) -> MonacaResult {
        guard let object = call.object, object["jsonrpc"]?.string == "2.0", let method = object["method"]?.string,
            Self.isID(object["id"])
        else { throw .invalidRequest }
        guard let perform = MonacaUsers.methods[method] else { throw .methodNotFound }
        guard let params = object["params"]?.object ?? (object["params"] == nil ? JSONObject() : nil) else {
            throw .invalidRequest
        }
        let presented = SHA256Digest(of: params["__api_key"]?.string ?? "")
        guard backend.apiKey.isEqualInConstantTime(to: presented) else { throw .wrongKey }
        guard let device = params["__device"]?.string, !device.isEmpty, device.utf8.count <= 255 else {
            throw .deviceRequired
        }
        let session = params["__session"].flatMap { $0.isNull ? nil : $0 }
        let text = session?.string
        if session != nil {
            guard let text, text.utf8.count <= 255, text.utf8.allSatisfy(Self.isLetterOrDigit) else {
                throw .malformedSession
            }
        }
        let locales = MessageLocale.wishes(
            uiLocales: [], acceptLanguage: request.headers[.acceptLanguage], fallback: client.defaultLocale)
        return try await perform(
            users,
            MonacaCall(
                params: MonacaParameters(members: params), client: client, backend: backend, device: device,
                session: text.flatMap { $0.isEmpty ? nil : $0 }, origin: edge.origin(of: request, context),
                now: edge.now, locales: locales, logger: context.logger))
    }

    // MARK: - The envelope

    /// A text, a number or null (JSON-RPC 2.0 §4); none makes a notification.
    private static func isID(_ id: JSONValue?) -> Bool {
        switch id {
        case nil, .null?, .string?, .integer?, .number?: true
        default: false
        }
    }

    private static func id(of call: JSONValue) -> JSONValue { isID(call["id"]) ? call["id"] ?? .null : .null }

    private static func reply(_ id: JSONValue, result: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "result": result, "id": id]
    }

    private static func reply(_ id: JSONValue, error: MonacaError) -> JSONValue {
        ["jsonrpc": "2.0", "error": error.json, "id": id]
    }

    private static func failed(_ error: MonacaError) -> Response { .json(.ok, reply(.null, error: error)) }

    private static func with(_ session: String?, _ response: Response) -> Response {
        var response = response
        if let session { response.headers[.monacaSession] = session }
        return response
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}

extension HTTPField.Name {
    static let monacaSession: HTTPField.Name = {
        guard let name = HTTPField.Name("X-Set-Monaca-Cloud-Session") else { preconditionFailure("not a field name") }
        return name
    }()
}
