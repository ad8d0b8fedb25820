import AccountManagement
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import RateLimiting

/// An answer of the Kii interface to what cannot be done: `{"errorCode","message",…}`.
struct KiiError: Error {
    let status: HTTPResponse.Status
    let code: String
    let message: String
    var field: String?
    var limit: LimitRefusal?
    var retryAfterSeconds: Int?

    init(
        _ status: HTTPResponse.Status, _ code: String, _ message: String, field: String? = nil,
        limit: LimitRefusal? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.limit = limit
        self.retryAfterSeconds = retryAfterSeconds
    }

    static let unauthorized = KiiError(
        .unauthorized, "UNAUTHORIZED", "The credentials are missing, invalid or not enough.")
    static let userNotFound = KiiError(.notFound, "USER_NOT_FOUND", "There is no such user.")
    static let addressNotFound = KiiError(.notFound, "USER_ADDRESS_NOT_FOUND", "There is no user with this address.")
    static let nothingToVerify = KiiError(
        .badRequest, "INVALID_ACCOUNT_STATUS", "The account has nothing that waits to be verified.")
    static let wrongCode = KiiError(
        .badRequest, "INVALID_VERIFICATION_CODE", "The verification code is wrong or has expired.")

    static func invalid(_ field: String? = nil, _ message: String = "The request is not well-formed.") -> KiiError {
        KiiError(.badRequest, "INVALID_INPUT_DATA", message, field: field)
    }

    var response: Response {
        var members: JSONObject = ["errorCode": .string(code), "message": .string(message)]
        if let field { members["field"] = .string(field) }
        let seconds = limit?.retryAfterSeconds ?? retryAfterSeconds
        if let seconds { members["retryAfter"] = .integer(Int64(seconds)) }
        var response = Response.json(status, .object(members))
        if status == .unauthorized { response.headers[.wwwAuthenticate] = #"Bearer realm="denwa""# }
        if let seconds { response.headers[.retryAfter] = "\(seconds)" }
        if let limit { response.add(limit) }
        return response
    }
}

extension KiiError {
    init(_ failure: BodyFailure) {
        switch failure {
        case .tooLarge:
            self.init(.contentTooLarge, "INVALID_INPUT_DATA", "The body is larger than 600 KB.")
        case .wrongContentType: self = .invalid(nil, "The body must be JSON.")
        case .malformed: self = .invalid(nil, "The body is not a JSON object.")
        }
    }

    init(_ error: AccountError, password: String = "password", logger: Logger) {
        switch error {
        case .invalid(.password, let reason): self = .invalid(password, reason.kiiMessage)
        case .invalid(let field, let reason): self = .invalid(field.kiiName, reason.kiiMessage)
        case .taken(let field):
            self.init(
                .conflict, "USER_ALREADY_EXISTS", "There is a user with this value already.", field: field.kiiName)
        case .signInFailed, .wrongPassword: self = .unauthorized
        case .unknownAccount: self = .userNotFound
        case .nothingPending: self = .nothingToVerify
        case .codeRefused: self = .wrongCode
        case .numberCannotReceiveTexts: self = .invalid("phoneNumber", "This number cannot receive texts.")
        case .limited(let refusal):
            self.init(.tooManyRequests, "RATE_LIMITED", "Too many requests.", limit: refusal)
        case .busy(let seconds):
            self.init(.tooManyRequests, "RATE_LIMITED", "Too many sign-ins at once.", retryAfterSeconds: seconds)
        case .messagesUnavailable(let seconds):
            self.init(
                .serviceUnavailable, "SERVICE_UNAVAILABLE", "Messages cannot be sent right now.",
                retryAfterSeconds: seconds)
        case .unavailable(let cause):
            logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
            self.init(
                .serviceUnavailable, "SERVICE_UNAVAILABLE", "The server cannot answer right now.", retryAfterSeconds: 5)
        }
    }
}

extension AccountField {
    fileprivate var kiiName: String {
        switch self {
        case .loginName: "loginName"
        case .email: "emailAddress"
        case .number: "phoneNumber"
        case .password: "password"
        case .displayName: "displayName"
        case .country: "country"
        case .locale: "locale"
        case .property(let name): name
        }
    }
}

extension AccountError.Reason {
    fileprivate var kiiMessage: String {
        switch self {
        case .invalid: "The field has a value that cannot be used."
        case .tooShort: "The field is too short."
        case .tooLong: "The field is too long."
        case .tooLarge: "The custom fields are larger than 500 KB together, or more than 5000."
        case .common: "The password is one of the first that anybody would try."
        }
    }
}
