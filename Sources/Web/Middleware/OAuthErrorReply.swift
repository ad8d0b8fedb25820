import HTTPTypes
import Hummingbird
import JOSE
import Logging
import OAuth

extension OAuthError {
    /// The only place where an OAuth error becomes HTTP (RFC 6749 §5.2).
    func response(logger: Logger) -> Response {
        if let cause { logger.error("request failed", metadata: ["cause": "\(type(of: cause))"]) }
        var response = Response.json(
            status, ["error": .string(code.rawValue), "error_description": .string("\(description)")])
        if code == .invalidClient { response.headers[.wwwAuthenticate] = #"Basic realm="denwa", charset="UTF-8""# }
        if code == .invalidToken || code == .insufficientScope {
            response.headers[.wwwAuthenticate] = bearerChallenge
        }
        if code == .serverError { response.headers[.retryAfter] = "5" }
        if let retryAfterSeconds { response.headers[.retryAfter] = "\(retryAfterSeconds)" }
        if let limit { response.add(limit) }
        if let proofNonce { response.headers[.dpopNonce] = proofNonce }
        return response
    }

    /// The same for a protected resource, where a wrong proof is a wrong credential (RFC 9449 §7.1).
    ///
    /// - Parameter type: how the token came, and so how it must come again.
    func resourceResponse(to type: TokenType, logger: Logger) -> Response {
        var response = response(logger: logger)
        let isAboutProof = code == .invalidDPoPProof || code == .useDPoPNonce
        if isAboutProof { response.status = .unauthorized }
        if isAboutProof || type == .dpop && response.headers[.wwwAuthenticate] != nil {
            response.headers[.wwwAuthenticate] =
                #"DPoP realm="denwa", error="\#(code.rawValue)", error_description="\#(description)", "#
                + #"algs="\#(DPoPProofCheck.algorithms.joined(separator: " "))""#
        }
        return response
    }

    /// RFC 6750 §3.
    var bearerChallenge: String {
        #"Bearer realm="denwa", error="\#(code.rawValue)", error_description="\#(description)""#
    }

    private var status: HTTPResponse.Status {
        if limit != nil { return .tooManyRequests }
        if isTooLarge { return .contentTooLarge }
        switch code {
        case .invalidClient, .invalidToken: return .unauthorized
        case .insufficientScope: return .forbidden
        // The store could not be reached or refused to write: nothing happened, and trying again may work.
        case .serverError, .temporarilyUnavailable: return .serviceUnavailable
        default: return .badRequest
        }
    }
}

extension BodyFailure {
    var oauthError: OAuthError {
        switch self {
        case .tooLarge: OAuthError(.invalidRequest, "the body is larger than 16 KiB", isTooLarge: true)
        case .wrongContentType: .invalidRequest("the body must be application/x-www-form-urlencoded")
        case .malformed: .invalidRequest("the body is not a well-formed form")
        }
    }
}
