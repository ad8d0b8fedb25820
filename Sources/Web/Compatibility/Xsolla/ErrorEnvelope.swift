import HTTPTypes
import Hummingbird
import JOSE
import Logging
import OAuth
import PhoneLogin
import RateLimiting

/// `{"error":{"code":"003-039","description":"…","details":{}}}`: how Xsolla Login's clients read a refusal.
struct ErrorEnvelope {
    let status: HTTPResponse.Status
    let code: String
    let description: StaticString
    var retryAfterSeconds: Int?

    init(_ status: HTTPResponse.Status, _ code: String, _ description: StaticString, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.code = code
        self.description = description
        self.retryAfterSeconds = retryAfterSeconds
    }

    var response: Response {
        let details: JSONValue = retryAfterSeconds.map { ["retry_after": .integer(Int64($0))] } ?? .object([:])
        var response = Response.json(
            status,
            ["error": ["code": .string(code), "description": .string("\(description)"), "details": details]])
        if let retryAfterSeconds { response.headers[.retryAfter] = "\(retryAfterSeconds)" }
        return response
    }
}

extension PhoneLoginError {
    func response(logger: Logger) -> Response {
        var response = envelope.response
        if case .limited(let refusal) = self { response.add(refusal) }
        if case .unavailable(let cause) = self {
            logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
        }
        return response
    }

    private var envelope: ErrorEnvelope {
        switch self {
        case .parameterMissing: ErrorEnvelope(.badRequest, "002-028", "A required parameter is missing.")
        case .parameterMalformed: .malformed
        case .stateMissingOrShort:
            ErrorEnvelope(.badRequest, "010-022", "The state must have 8 to 1024 characters.")
        case .redirectNotRegistered:
            ErrorEnvelope(.badRequest, "010-012", "The redirect_uri is not registered for this client.")
        case .redirectMissing:
            ErrorEnvelope(.badRequest, "010-011", "The client has not exactly one redirect_uri, so one must be given.")
        case .linkNotRegistered:
            ErrorEnvelope(.badRequest, "010-012", "The link_url is missing or not registered for this client.")
        case .unknownClient: ErrorEnvelope(.notFound, "003-061", "The client is unknown.")
        case .clientNotAllowed: ErrorEnvelope(.badRequest, "003-020", "The client may not use this flow.")
        case .notAPhoneNumber: ErrorEnvelope(.unprocessableContent, "002-056", "This is not a phone number.")
        case .numberCannotReceiveTexts:
            ErrorEnvelope(.unprocessableContent, "002-043", "This number cannot receive text messages.")
        case .limited(let refusal):
            ErrorEnvelope(
                .tooManyRequests, "002-057", "Too many requests.", retryAfterSeconds: refusal.retryAfterSeconds)
        case .wrongCode: ErrorEnvelope(.unauthorized, "003-039", "The code is wrong.")
        case .noGuessLeft:
            ErrorEnvelope(.unprocessableContent, "003-049", "No guess is left. Ask for a new code.")
        case .operationUnknown:
            ErrorEnvelope(.notFound, "003-061", "There is no such operation, or it is over.")
        case .accountDisabled: ErrorEnvelope(.unauthorized, "002-040", "This user is disabled.")
        case .messagesUnavailable(let seconds):
            ErrorEnvelope(
                .serviceUnavailable, "004-001", "Text messages cannot be sent right now.", retryAfterSeconds: seconds)
        case .unavailable:
            ErrorEnvelope(.serviceUnavailable, "000-001", "The server cannot answer right now.", retryAfterSeconds: 5)
        }
    }
}

extension ErrorEnvelope {
    static let malformed = ErrorEnvelope(.badRequest, "002-027", "A parameter is malformed.")
    static let missing = ErrorEnvelope(.badRequest, "002-028", "A required parameter is missing.")
    static let unauthorized = ErrorEnvelope(.unauthorized, "002-016", "The token is missing, invalid or revoked.")
    static let notYet = ErrorEnvelope(.requestTimeout, "002-059", "The link has not been answered yet.")
    static let invalidToken = ErrorEnvelope(.unprocessableContent, "002-016", "The token is invalid or revoked.")
}

extension OAuthError {
    /// The answer of a route that takes a user's token.
    func envelope(logger: Logger) -> ErrorEnvelope {
        guard code == .serverError else { return .unauthorized }
        if let cause { logger.error("request failed", metadata: ["cause": "\(type(of: cause))"]) }
        return ErrorEnvelope(
            .serviceUnavailable, "000-001", "The server cannot answer right now.", retryAfterSeconds: 5)
    }
}

extension BodyFailure {
    var envelope: ErrorEnvelope {
        switch self {
        case .tooLarge: ErrorEnvelope(.contentTooLarge, "002-027", "The body is larger than 16 KiB.")
        case .wrongContentType: ErrorEnvelope(.badRequest, "002-027", "The body must be application/json.")
        case .malformed: ErrorEnvelope(.badRequest, "002-027", "The body is not a JSON object.")
        }
    }
}
