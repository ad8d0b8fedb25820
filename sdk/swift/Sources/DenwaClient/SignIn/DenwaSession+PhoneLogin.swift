import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Denwa's phone login: request and confirm, in JSON.
extension DenwaSession {
    func requestPhoneLogin(_ number: String) async throws(DenwaError) -> PendingSignIn {
        guard let endpoint = try await metadata().phoneLoginRequestEndpoint else { throw .flowNotSupported }
        let secrets = newSecrets(takesNonce: false)
        let query = wishes(secrets).merging(["state": secrets.state])
        let body = PhoneNumberBody(phoneNumber: number, deviceID: try vault.deviceID(at: number))
        let reply = try await connection.send(.post(body, to: endpoint.adding(query)))
        guard reply.isSuccess else { throw reply.refusal(["003-061": .misconfigured]) }
        return PendingSignIn(try reply.decoded(), of: number, by: .phoneLogin, secrets: secrets)
    }

    /// The authorization code.
    func confirmPhoneLogin(_ code: String, _ pending: PendingSignIn) async throws(DenwaError) -> String {
        guard let endpoint = try await metadata().phoneLoginConfirmEndpoint else { throw .flowNotSupported }
        let number = pending.phoneNumber
        let body = CodeBody(
            operationID: pending.handle, phoneNumber: number, code: code, deviceID: try vault.deviceID(at: number))
        let reply = try await connection.send(
            .post(body, to: endpoint.adding(["client_id": configuration.clientID])))
        guard reply.isSuccess else { throw reply.refusal(["003-061": .signInOver]) }
        let confirmed: Confirmed = try reply.decoded()
        if let deviceID = confirmed.deviceID { try vault.keep(deviceID: deviceID, at: number) }

        let answer = confirmed.loginURL.queryParameters
        guard let code = answer["code"], answer["state"] == pending.secrets.state else {
            throw DenwaError(.wrongAnswer, "the answer is not for this sign-in")
        }
        return code
    }
}

private struct PhoneNumberBody: Encodable {
    let phoneNumber: String
    let deviceID: String?

    private enum CodingKeys: String, CodingKey {
        case phoneNumber = "phone_number"
        case deviceID = "device_id"
    }
}

private struct CodeBody: Encodable {
    let operationID: String
    let phoneNumber: String
    let code: String
    let deviceID: String?

    private enum CodingKeys: String, CodingKey {
        case operationID = "operation_id"
        case phoneNumber = "phone_number"
        case code
        case deviceID = "device_id"
    }
}

private struct Confirmed: Decodable {
    let loginURL: URL
    let deviceID: String?

    private enum CodingKeys: String, CodingKey {
        case loginURL = "loginUrl"
        case deviceID = "deviceId"
    }
}

extension DenwaError {
    static let flowNotSupported = Self(.misconfigured, "the server does not have this flow")
}
