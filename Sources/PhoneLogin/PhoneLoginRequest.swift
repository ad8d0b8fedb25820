/// What a client asks to start a phone login (`POST /oauth2/login/phone/request`), as it came over the wire.
package struct PhoneLoginRequest: Sendable {
    package var responseType: String?
    package var clientID: String?
    package var state: String?
    package var scope: String?
    package var redirectURI: String?
    package var codeChallenge: String?
    package var codeChallengeMethod: String?
    package var uiLocales: String?
    package var acceptLanguage: String?
    package var phoneNumber: String?
    package var sendLink: Bool
    package var linkURL: String?
    package var deviceID: String?
    /// What asks, in words for the person who approves a link elsewhere.
    package var askingDevice: String?

    package init(
        responseType: String?, clientID: String?, state: String?, scope: String?, redirectURI: String?,
        codeChallenge: String?, codeChallengeMethod: String?, uiLocales: String?, acceptLanguage: String?,
        phoneNumber: String?, sendLink: Bool, linkURL: String?, deviceID: String?, askingDevice: String? = nil
    ) {
        self.responseType = responseType
        self.clientID = clientID
        self.state = state
        self.scope = scope
        self.redirectURI = redirectURI
        self.codeChallenge = codeChallenge
        self.codeChallengeMethod = codeChallengeMethod
        self.uiLocales = uiLocales
        self.acceptLanguage = acceptLanguage
        self.phoneNumber = phoneNumber
        self.sendLink = sendLink
        self.linkURL = linkURL
        self.deviceID = deviceID
        self.askingDevice = askingDevice
    }
}

/// What the client gets: how to complete, and how long it may take.
package struct PhoneLoginStarted: Sendable {
    package let operationID: String
    package let expiresInSeconds: Int
    package let resendAfterSeconds: Int
    package let codeLength: Int
}

/// What a client sends to complete (`POST /oauth2/login/phone/confirm`).
package struct PhoneLoginConfirmation: Sendable {
    package var clientID: String?
    package var code: String
    package var operationID: String
    package var phoneNumber: String
    package var deviceID: String?

    package init(clientID: String?, code: String, operationID: String, phoneNumber: String, deviceID: String?) {
        self.clientID = clientID
        self.code = code
        self.operationID = operationID
        self.phoneNumber = phoneNumber
        self.deviceID = deviceID
    }
}

package struct PhoneLoginCompleted: Sendable {
    /// The redirect URI with `code` and `state`.
    package let loginURL: String
    package let deviceID: String
}
