import HTTPTypes
package import Hummingbird
import JOSE
import OAuth
package import PhoneLogin

/// `POST /oauth2/challenge`: first-party apps sign people in without a browser (OAuth 2.0 for First-Party
/// Applications §5).
package struct ChallengeEndpoints: Sendable {
    private let endpoint: ChallengeEndpoint
    private let edge: Edge

    package init(endpoint: ChallengeEndpoint, edge: Edge) {
        self.endpoint = endpoint
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/challenge") { request, context in
            let device = ChallengingDevice(
                description: AskingDevice.description(userAgent: request.headers[.userAgent]),
                acceptLanguage: request.headers[.acceptLanguage])
            return await edge.answer(request, context) { asked throws(OAuthError) in
                try await endpoint.respond(to: asked, from: device).response
            }
        }
    }
}

extension ChallengeAnswer {
    fileprivate var response: Response {
        switch self {
        case .authorizationCode(let code, let deviceID):
            return .json(.ok, ["authorization_code": .string(code), "device_id": .string(deviceID)])
        case .otpRequired(let session, let terms):
            var members: JSONObject = [
                "error": .string(OAuthError.Code.insufficientAuthorization.rawValue),
                "error_description": terms == nil
                    ? "the code of the text is missing or wrong" : "the code of the text that was sent is needed",
                "auth_session": .string(session), "otp_required": true,
            ]
            if let terms {
                members["expires_in"] = .integer(Int64(terms.expiresInSeconds))
                members["resend_after"] = .integer(Int64(terms.resendAfterSeconds))
                members["code_length"] = .integer(Int64(terms.codeLength))
            }
            return .json(.badRequest, .object(members))
        case .redirectToWeb(let reference):
            return .json(
                .badRequest,
                [
                    "error": .string(OAuthError.Code.redirectToWeb.rawValue),
                    "error_description": "the person has to go on in a browser",
                    "request_uri": .string(reference.requestURI),
                    "expires_in": .integer(Int64(reference.expiresInSeconds)),
                ])
        }
    }
}
