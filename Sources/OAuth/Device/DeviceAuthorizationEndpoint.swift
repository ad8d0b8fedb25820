package import Cryptography
import DeveloperLog
import RateLimiting
import Time

/// The device authorization endpoint (RFC 8628 §3.1) without its HTTP.
package struct DeviceAuthorizationEndpoint: Sendable {
    /// Nobody draws a code that is taken so many times in a row.
    private static let mostDraws = 8

    private let authenticator: ClientAuthenticator
    private let proofs: ProofOfPossession
    private let store: any DeviceAuthorizationStore
    private let userCodes: UserCodeKey
    private let issuer: Issuer
    private let settings: DeviceSettings
    private let entropy: Entropy

    package init(
        authenticator: ClientAuthenticator, proofs: ProofOfPossession, store: any DeviceAuthorizationStore,
        userCodes: UserCodeKey, issuer: Issuer, settings: DeviceSettings, entropy: Entropy
    ) {
        self.authenticator = authenticator
        self.proofs = proofs
        self.store = store
        self.userCodes = userCodes
        self.issuer = issuer
        self.settings = settings
        self.entropy = entropy
    }

    /// - Parameter askingDevice: the kind of device, for the person who is going to decide.
    package func respond(
        to request: ClientRequest, askingDevice: String?
    ) async throws(OAuthError) -> DeviceAuthorizationResponse {
        let authenticated = try await authenticator.authenticate(request)
        try authenticated.mayUse(.deviceCode)
        let client = authenticated.client
        let wish = DeviceRequest(
            client: client.id, scope: try AuthorizationRequest.scope(of: request.form, client: client),
            resources: try Resources(request.form, for: client), askingDevice: askingDevice)
        let confirmation = try await proofs.keyThumbprint(of: request).map(KeyConfirmation.jwkThumbprint)
        let deviceCode = entropy.token()
        for _ in 0..<Self.mostDraws {
            let userCode = UserCode(entropy: entropy)
            let authorization = NewDeviceAuthorization(
                deviceCode: SHA256Digest(of: deviceCode), userCode: userCodes.digest(of: userCode), request: wish,
                confirmation: confirmation, intervalSeconds: settings.intervalSeconds,
                expiresAt: request.now.adding(seconds: settings.codeLifetimeSeconds))
            if try await begin(authorization, for: request) {
                return DeviceAuthorizationResponse(
                    deviceCode: deviceCode, userCode: userCode, expiresInSeconds: settings.codeLifetimeSeconds,
                    intervalSeconds: settings.intervalSeconds, verification: DeviceVerificationAddress(issuer: issuer))
            }
        }
        throw .serverError(NoUserCodeLeft())
    }

    /// False when the user code is taken.
    private func begin(
        _ authorization: NewDeviceAuthorization, for request: ClientRequest
    ) async throws(OAuthError) -> Bool {
        let charge = LimitCharge(.deviceCodePerIP, settings.deviceCodePerIP, subject: request.origin.address ?? "")
        let outcome: DeviceAuthorizationOutcome
        do {
            outcome = try await store.begin(
                authorization, charging: charge.map { [$0] } ?? [], from: request.origin, at: request.now)
        } catch {
            throw .serverError(error)
        }
        switch outcome {
        case .begun: return true
        case .userCodeTaken: return false
        case .limited(let refusal): throw .limited(refusal)
        }
    }

    private struct NoUserCodeLeft: Error {}
}

/// What a device shows and polls with (RFC 8628 §3.2).
package struct DeviceAuthorizationResponse: Sendable {
    package let deviceCode: String
    package let userCode: UserCode
    package let expiresInSeconds: Int
    package let intervalSeconds: Int
    package let verification: DeviceVerificationAddress
}

/// Where a device sends people: short, for it is typed.
package struct DeviceVerificationAddress: Sendable {
    private let issuer: Issuer

    package init(issuer: Issuer) { self.issuer = issuer }

    package var uri: String { issuer.appending("/device") }

    /// RFC 8628 §3.3.1: for whoever need not type, such as a camera.
    package func complete(_ code: UserCode) -> String { "\(uri)?user_code=\(code.text)" }

    /// That address as a picture, for devices that cannot draw one.
    package func picture(_ code: UserCode) -> String { "\(uri)/qr.svg?user_code=\(code.text)" }
}
