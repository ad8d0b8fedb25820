import Accounts
import Cryptography
package import DeveloperLog
import OAuth
import PhoneNumbers
package import Time

extension PhoneLoginFlow {
    /// Turns the right code into an authorization code; the number's first success makes its account.
    package func confirm(
        _ confirmation: PhoneLoginConfirmation, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneLoginCompleted {
        let client = try await client(confirmation.clientID, at: now)
        try checkShape(confirmation)
        let authorizationCode = entropy.token()
        let passed = try await perform(
            guess(confirmation, client: client, authorizationCode: authorizationCode, at: now), from: origin, at: now)
        // The redirect was verified when the login started; a registration withdrawn since then counts.
        guard case .redirect(let uri, let state) = passed.continuation,
            let redirect = try? client.verifyRedirect(uri)
        else { throw .operationUnknown }
        let device = devices.recognize(confirmation.deviceID, of: passed.identity, at: now)
        return PhoneLoginCompleted(
            loginURL: redirect.appending([("code", authorizationCode), ("state", state)]),
            deviceID: devices.issue(for: device, of: passed.identity, at: now))
    }

    /// Empty is malformed, and the number's syntax is the wire's. A code of another length is a wrong guess
    /// like any other: it counts.
    private func checkShape(_ confirmation: PhoneLoginConfirmation) throws(PhoneLoginError) {
        guard !confirmation.code.isEmpty, confirmation.code.utf8.count <= 64, !confirmation.operationID.isEmpty
        else { throw .parameterMalformed }
        let number = confirmation.phoneNumber.utf8
        guard number.first == UInt8(ascii: "+"), (6...26).contains(number.count),
            number.dropFirst().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { throw .notAPhoneNumber }
    }

    private func guess(
        _ confirmation: PhoneLoginConfirmation, client: Client, authorizationCode: String, at now: Timestamp
    ) -> PhoneGuess {
        let number = confirmation.phoneNumber
        return PhoneGuess(
            operationID: confirmation.operationID, client: client.id, number: number,
            isFor: { identity in Self.stands(number, for: identity, at: client, now: now) },
            proof: .code(confirmation.code, approval: approvals.value(for: confirmation.operationID)),
            maxGuesses: settings.maxGuesses, codeSeal: codeSeal, budget: { budget($0, $1) },
            confirmed: confirmedTraffic,
            newAccount: AccountID(entropy.uuid()), idleBefore: idleBefore(now),
            reward: .authorizationCode(
                SHA256Digest(of: authorizationCode), grant: GrantID(entropy.identifier(at: now)),
                expiresAt: now.adding(seconds: authorizationCodeLifetimeSeconds)))
    }

    static func stands(_ number: String, for identity: PhoneIdentity, at client: Client, now: Timestamp) -> Bool {
        if identity == PhoneIdentity(number: number, client: client, at: now) { return true }
        // Worth a full check only now: the operation is real, so the number may be written with a trunk
        // prefix that E.164 does not have.
        guard let phone = try? PhoneNumber(e164Input: number) else { return false }
        return identity == PhoneIdentity(number: phone.e164, client: client, at: now)
    }
}
