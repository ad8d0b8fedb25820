import Accounts
import Cryptography
package import DeveloperLog
import OAuth
import PhoneNumbers
import RateLimiting
package import Time

extension PhoneLoginFlow {
    /// Turns the right code into an authorization code; the number's first success makes its account.
    package func confirm(
        _ confirmation: PhoneLoginConfirmation, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneLoginCompleted {
        let client = try client(confirmation.clientID)
        try checkShape(confirmation)
        let authorizationCode = entropy.token()
        var number = confirmation.phoneNumber
        var outcome = try await guess(confirmation, number, client, authorizationCode, from: origin, at: now)
        // A number that was not written in E.164 (a trunk 0 after the country code) finds nothing. Only then is it
        // worth a full check.
        if outcome == .unknown, let phone = try? PhoneNumber(e164Input: number), phone.e164 != number {
            number = phone.e164
            outcome = try await guess(confirmation, number, client, authorizationCode, from: origin, at: now)
        }
        let passed = try passedOperation(outcome)
        // The redirect was verified when the login started; a registration withdrawn since then counts.
        guard let redirect = try? client.verifyRedirect(passed.redirectURI) else { throw .operationUnknown }
        let device = devices.recognize(confirmation.deviceID, number: number, at: now)
        return PhoneLoginCompleted(
            loginURL: redirect.appending([("code", authorizationCode), ("state", passed.state)]),
            deviceID: devices.issue(for: device, number: number, at: now))
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
        _ confirmation: PhoneLoginConfirmation, _ number: String, _ client: Client, _ authorizationCode: String,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneGuessOutcome {
        let guess = guess(confirmation, number, client: client, authorizationCode: authorizationCode, at: now)
        let charge = LimitCharge(.confirmPerIP, settings.confirmPerIP, subject: origin.address ?? "")
        do {
            return try await store.guess(guess, charging: [charge].compactMap(\.self), from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
    }

    private func guess(
        _ confirmation: PhoneLoginConfirmation, _ number: String, client: Client, authorizationCode: String,
        at now: Timestamp
    ) -> PhoneGuess {
        let limit = settings.guessesPerNumber
        return PhoneGuess(
            operationID: confirmation.operationID, client: client.id, number: number,
            identity: PhoneIdentity(number: number, client: client, at: now), code: confirmation.code,
            maxGuesses: settings.maxGuesses, codeSeal: codeSeal,
            budget: { device in
                LimitCharge(.guessesPerNumber, limit, subject: Self.subject(number: number, device: device))
            },
            newAccount: AccountID(entropy.uuid()), grant: GrantID(entropy.identifier()),
            authorizationCode: SHA256Digest(of: authorizationCode),
            authorizationCodeExpiresAt: now.adding(seconds: authorizationCodeLifetimeSeconds))
    }

    private func passedOperation(_ outcome: PhoneGuessOutcome) throws(PhoneLoginError) -> PassedOperation {
        switch outcome {
        case .passed(let operation): return operation
        case .wrong: throw .wrongCode
        case .exhausted: throw .noGuessLeft
        case .unknown: throw .operationUnknown
        case .accountDisabled: throw .accountDisabled
        case .limited(let refusal): throw .limited(refusal)
        }
    }
}
