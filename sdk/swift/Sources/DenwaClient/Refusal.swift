import Foundation

/// A refusal as the server writes it: RFC 6749 §5.2, or the envelope of the phone flow.
struct Refusal: Decodable {
    var code: String
    var description: String?
    /// The challenge endpoint's state, which it answers as an error (draft-ietf-oauth-first-party-apps-04 §5.2.2).
    var challenge: Challenge?
    /// With `redirect_to_web`: what the browser takes to the authorization endpoint.
    var requestURI: String?

    private enum Member: String, CodingKey {
        case error, errorDescription
        case requestURI = "requestUri"
    }

    private struct Envelope: Decodable {
        let code: String
        let description: String?
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        if let envelope = try? members.decode(Envelope.self, forKey: .error) {
            (code, description) = (envelope.code, envelope.description)
            return
        }
        code = try members.decode(String.self, forKey: .error)
        description = try members.decodeIfPresent(String.self, forKey: .errorDescription)
        requestURI = try members.decodeIfPresent(String.self, forKey: .requestURI)
        challenge = try? Challenge(from: decoder)
    }
}

extension Refusal {
    /// The reason as an app tells cases apart. `special` has the codes that mean something else at this call.
    func reason(status: Int, special: [String: DenwaError.Reason]) -> DenwaError.Reason {
        if let reason = special[code] ?? Self.reasons[code] { return reason }
        return switch status {
        case 429: .tooManyRequests
        case 503: .unavailable
        default: .refused
        }
    }

    private static let reasons: [String: DenwaError.Reason] = [
        "002-056": .notAPhoneNumber,
        "002-043": .numberGetsNoTexts,
        "003-039": .wrongCode,
        "003-049": .signInOver,
        "002-040": .userDisabled,
        "002-016": .signInRequired,
        "003-020": .misconfigured,
        "010-011": .misconfigured,
        "010-012": .misconfigured,
        "invalid_session": .signInOver,
        "access_denied": .denied,
        "invalid_client": .misconfigured,
        "unauthorized_client": .misconfigured,
        "invalid_scope": .misconfigured,
        "invalid_token": .signInRequired,
    ]
}

extension Reply {
    /// What a reply that is no success means to the app.
    func refusal(_ special: [String: DenwaError.Reason] = [:]) -> DenwaError {
        guard let refusal = try? JSONDecoder.snakeCase.decode(Refusal.self, from: body) else {
            // Something in between answered: a proxy, a captive portal.
            let reason: DenwaError.Reason =
                status == 429 ? .tooManyRequests : status >= 500 ? .unavailable : .wrongAnswer
            return DenwaError(reason, "status \(status) without a reason", status: status, retryAfter: retryAfter)
        }
        return DenwaError(
            refusal.reason(status: status, special: special), refusal.description ?? refusal.code, code: refusal.code,
            status: status,
            retryAfter: retryAfter)
    }
}
