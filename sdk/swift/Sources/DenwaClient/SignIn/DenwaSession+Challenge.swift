import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The authorization challenge endpoint (draft-ietf-oauth-first-party-apps-04 §5). What is missing for a code, it
/// answers as an error: `insufficient_authorization` is the way on.
extension DenwaSession {
    func requestChallenge(_ number: String) async throws(DenwaError) -> PendingSignIn {
        let secrets = newSecrets(takesNonce: true)
        let form = wishes(secrets).merging(["login_hint": number, "device_id": try vault.deviceID(at: number)])
        return try await challenge(form, number, secrets)
    }

    func resendChallenge(_ pending: PendingSignIn) async throws(DenwaError) -> PendingSignIn {
        try await challenge(
            ["client_id": configuration.clientID, "auth_session": pending.handle, "resend": "true"],
            pending.phoneNumber, pending.secrets)
    }

    private func challenge(
        _ form: Form, _ number: String, _ secrets: SignInSecrets
    ) async throws(DenwaError) -> PendingSignIn {
        let reply = try await answer(to: form)
        let refusal = try reply.decoded(as: Refusal.self)
        guard refusal.code == "insufficient_authorization", let challenge = refusal.challenge else {
            throw try await failure(reply, secrets)
        }
        return PendingSignIn(challenge, of: number, by: .challenge, secrets: secrets)
    }

    /// The authorization code.
    func answerChallenge(_ code: String, _ pending: PendingSignIn) async throws(DenwaError) -> String {
        let reply = try await answer(to: [
            "client_id": configuration.clientID, "auth_session": pending.handle, "otp": code,
        ])
        guard reply.isSuccess else { throw try await failure(reply, pending.secrets) }
        let answered: Answered = try reply.decoded()
        if let deviceID = answered.deviceID { try vault.keep(deviceID: deviceID, at: pending.phoneNumber) }
        return answered.authorizationCode
    }

    /// With a proof, so that the code to come is bound to this device's key (RFC 9449 §10.1).
    private func answer(to form: Form) async throws(DenwaError) -> Reply {
        guard let endpoint = try await metadata().authorizationChallengeEndpoint else { throw .flowNotSupported }
        return try await ask(.post(form, to: endpoint))
    }

    private func failure(_ reply: Reply, _ secrets: SignInSecrets) async throws(DenwaError) -> DenwaError {
        guard let refusal = try? reply.decoded(as: Refusal.self), refusal.code == "redirect_to_web" else {
            return reply.refusal(["insufficient_authorization": .wrongCode])
        }
        let query: Form = ["client_id": configuration.clientID, "request_uri": refusal.requestURI]
        let url = try await metadata().authorizationEndpoint.adding(query)
        return DenwaError(
            .browserNeeded, refusal.description ?? "the person goes on in the browser", code: refusal.code,
            status: reply.status, browserSignIn: BrowserSignIn(url: url, secrets: secrets, sentState: false))
    }
}

private struct Answered: Decodable {
    let authorizationCode: String
    let deviceID: String?

    private enum CodingKeys: String, CodingKey {
        case authorizationCode
        case deviceID = "deviceId"
    }
}
