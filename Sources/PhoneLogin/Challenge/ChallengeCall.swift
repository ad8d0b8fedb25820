import Cryptography
import DeveloperLog
import Messaging
package import OAuth
import Time

/// What a first-party app's person holds in their hands.
package struct ChallengingDevice: Sendable {
    /// In a few words, for the person who is asked about it elsewhere.
    package let description: String?
    package let acceptLanguage: String?

    package init(description: String?, acceptLanguage: String?) {
        self.description = description
        self.acceptLanguage = acceptLanguage
    }

    func wishes(_ client: Client, uiLocales: [String]) -> [String] {
        MessageLocale.wishes(uiLocales: uiLocales, acceptLanguage: acceptLanguage, fallback: client.defaultLocale)
    }
}

/// Names a login under way to the app that runs it (OAuth 2.0 for First-Party Applications §5.2.2): 256 random bits, of
/// which the database holds the digest, as the name of the operation.
struct AuthSession {
    let token: String
    var operationID: String { SHA256Digest(of: token).base64URL }
}

/// What the endpoint answers; errors besides.
package enum ChallengeAnswer: Sendable {
    case authorizationCode(String, deviceID: String)
    /// `insufficient_authorization`: a text is on its way, or the code in it was not the one that came.
    case otpRequired(_ authSession: String, OTPTerms?)
    case redirectToWeb(PushedReference)
}

/// What an app tells its person about the text; only with the answer that sends one.
package struct OTPTerms: Sendable, Equatable {
    package let expiresInSeconds: Int
    package let resendAfterSeconds: Int
    package let codeLength: Int
}

/// A request of an authenticated client.
struct ChallengeCall {
    let request: ClientRequest
    let client: Client
    let device: ChallengingDevice
    /// Of the key whose proof came with it.
    let keyThumbprint: String?

    var form: FormParameters { request.form }
    var origin: RequestOrigin { request.origin }
    var now: Timestamp { request.now }
}

/// The authorization request inside a challenge request, checked by the rules of the authorization endpoint.
struct ChallengeParameters {
    let binding: AuthorizationCodeBinding
    let uiLocales: [String]
    let deviceID: String?

    init(_ call: ChallengeCall) throws(OAuthError) {
        let (form, client) = (call.form, call.client)
        if let type = try form.value("response_type"), type != "code" {
            throw OAuthError(.unsupportedResponseType, "response_type must be code")
        }
        // Nothing here carries a request object.
        guard !client.requiresSignedRequests else { throw .invalidRequest("this client's requests must be signed") }
        // Whoever types a code of this minute is as fresh as anybody can ask.
        _ = try AuthorizationRequest.maxAge(of: form)
        try AuthorizationRequest.checkAuthenticationContext(form)
        binding = AuthorizationCodeBinding(
            state: "", scope: try AuthorizationRequest.scope(of: form, client: client),
            resources: try Resources(form, for: client), redirect: try Self.redirect(form, client),
            codeChallenge: try AuthorizationRequest.codeChallenge(of: form, client: client),
            nonce: try AuthorizationRequest.nonce(of: form), keyThumbprint: try Self.keyThumbprint(call))
        uiLocales = try form.value("ui_locales")?.split(separator: " ").prefix(10).map(String.init) ?? []
        deviceID = try form.value("device_id")
    }

    /// As they were kept with the login; the registration of today counts.
    init(_ login: AppLogin, _ call: ChallengeCall) throws(OAuthError) {
        let redirect = login.redirectURI.flatMap { try? call.client.verifyRedirect($0) }
        guard login.redirectURI == nil || redirect != nil else { throw ChallengeEndpoint.unknownSession }
        binding = AuthorizationCodeBinding(
            state: login.state, scope: login.scope, resources: login.resources, redirect: redirect,
            codeChallenge: login.codeChallenge, nonce: login.nonce, keyThumbprint: login.keyThumbprint)
        uiLocales = try call.form.value("ui_locales")?.split(separator: " ").prefix(10).map(String.init) ?? []
        deviceID = nil
    }

    private static func redirect(_ form: FormParameters, _ client: Client) throws(OAuthError) -> VerifiedRedirect? {
        guard let requested = try form.value("redirect_uri") else { return nil }
        guard let redirect = try? client.verifyRedirect(requested) else {
            throw .invalidRequest("redirect_uri is not registered for this client")
        }
        return redirect
    }

    private static func keyThumbprint(_ call: ChallengeCall) throws(OAuthError) -> String? {
        guard let named = try AuthorizationRequest.keyThumbprint(of: call.form) else { return call.keyThumbprint }
        guard call.keyThumbprint == nil || call.keyThumbprint == named else {
            throw OAuthError(.invalidDPoPProof, "dpop_jkt is not the key of the DPoP proof")
        }
        return named
    }
}
