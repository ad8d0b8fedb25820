import AccountManagement
import JOSE
import Logging
import RateLimiting

/// An error of the Monaca interface: JSON-RPC's own (JSON-RPC 2.0 §5.1) and the backend's.
struct MonacaError: Error {
    let code: Int64
    let message: String
    var data: JSONObject?
    /// Set when the whole answer is 429.
    var limit: LimitRefusal?
    var retryAfterSeconds: Int?

    init(_ code: Int64, _ message: String, data: JSONObject? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    static let invalidParams: Int64 = -32602
    /// Of the codes that JSON-RPC leaves to servers.
    private static let tooManyRequests: Int64 = -32000

    static let parseError = MonacaError(-32700, "Parse error")
    static let invalidRequest = MonacaError(-32600, "Invalid Request")
    static let methodNotFound = MonacaError(-32601, "Method not found")
    static let internalError = MonacaError(-32603, "Internal error")
    static let wrongKey = MonacaError(4, "Invalid API key")
    static let malformedSession = MonacaError(10, "Invalid session format")
    static let loginRequired = MonacaError(11, "Login required")
    static let deviceRequired = MonacaError(12, "Device id required")
    static let invalidOperation = MonacaError(13, "Invalid operation")
    static let permissionDenied = MonacaError(14, "Permission denied")

    /// Whatever the cause: who asks learns nothing.
    static let loginFailed = invalid(("username", "invalid"), ("password", "invalid"))

    static func invalid(_ reasons: (parameter: String, reason: String)...) -> MonacaError {
        MonacaError(
            invalidParams, "Invalid params",
            data: JSONObject(reasons.map { ($0.parameter, JSONValue.string($0.reason)) }))
    }

    var json: JSONValue {
        var members: JSONObject = ["code": .integer(code), "message": .string(message)]
        if let data { members["data"] = .object(data) }
        return .object(members)
    }
}

extension MonacaError {
    /// - Parameter password: how the method calls its new password.
    init(_ error: AccountError, password: String = "password", logger: Logger) {
        switch error {
        case .invalid(let field, let reason): self = .invalid((field.name(password: password), reason.name))
        case .taken(let field): self = .invalid((field.name(password: password), "taken"))
        case .signInFailed: self = .loginFailed
        case .wrongPassword: self = .invalid((password, "wrong"))
        case .unknownAccount: self = .loginRequired
        case .nothingPending, .codeRefused: self = .invalid(("token", "invalid"))
        case .numberCannotReceiveTexts: self = .permissionDenied
        case .limited(let refusal):
            self.init(Self.tooManyRequests, "Too many requests")
            limit = refusal
            retryAfterSeconds = refusal.retryAfterSeconds
        case .busy(let seconds), .messagesUnavailable(let seconds):
            self.init(Self.tooManyRequests, "Too many requests")
            retryAfterSeconds = seconds
        case .unavailable(let cause):
            logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
            self = .internalError
        }
    }
}

extension AccountField {
    fileprivate func name(password: String) -> String {
        switch self {
        case .loginName: "username"
        case .password: password
        case .property: "properties"
        case .email, .number, .displayName, .country, .locale: "properties"
        }
    }
}

extension AccountError.Reason {
    fileprivate var name: String {
        switch self {
        case .invalid: "invalid"
        case .tooShort: "too_short"
        case .tooLong: "too_long"
        case .tooLarge: "too_large"
        case .common: "common"
        }
    }
}
