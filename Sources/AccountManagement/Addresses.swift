package import Accounts
import Cryptography
package import DeveloperLog
import Messaging
package import OAuth
package import PhoneLogin
package import PhoneNumbers
import RateLimiting
package import Time

// MARK: - Numbers

extension AccountFlow {
    /// Texts a code to a number that shall become the account's.
    package func startNumberChange(
        of account: AccountID, to number: String, begunIn anchor: SignInAnchor?, client: Client,
        locales: [String], webOTPDomain: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> PhoneLoginStarted {
        do throws(PhoneLoginError) {
            let number = try await phone.number(number, client: client, from: origin, at: now)
            let text = AccountText(
                account: account, client: client, phone: number, purpose: .number(begunIn: anchor), locales: locales,
                webOTPDomain: webOTPDomain)
            return try await phone.start(text, from: origin, at: now)
        } catch {
            throw AccountError(error)
        }
    }

    /// The same for a number that its holder types on a page; false when it is the one the account has.
    package func startNumberChange(
        of profile: AccountProfile, typed text: String, region: String?, begunIn anchor: SignInAnchor,
        client: Client, locales: [String], from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> Bool {
        do throws(PhoneLoginError) {
            let number = try await phone.number(typed: text, region: region, client: client, from: origin, at: now)
            if profile.number?.isProven == true, number.e164 == profile.number?.text { return false }
            let text = AccountText(
                account: profile.id, client: client, phone: number, purpose: .number(begunIn: anchor),
                locales: locales, webOTPDomain: issuer.host)
            _ = try await phone.start(text, from: origin, at: now)
            return true
        } catch {
            throw AccountError(error)
        }
    }

    /// Texts the code of the pending number once more.
    package func resendNumberCode(
        of account: LoginIdentifier, isAddressCounted: Bool = false, client: Client, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        guard let pending = try await act({ try await store.pendingNumber(of: account, client: client.id) }) else {
            throw .nothingPending
        }
        let text = AccountText(
            account: pending.account, client: client, phone: try Self.number(pending.identity.number),
            purpose: .numberAgain, locales: locales, webOTPDomain: client.webOTPDomain,
            isAddressCounted: isAddressCounted)
        do throws(PhoneLoginError) { _ = try await phone.start(text, from: origin, at: now) } catch {
            throw AccountError(error)
        }
    }

    /// The same for a stranger, who learns nothing.
    package func resendNumberCode(
        quietly account: LoginIdentifier, client: Client, locales: [String], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(AccountError) {
        try await quietly(asking: account, for: "resend", from: origin, at: now) { () throws(AccountError) in
            try await resendNumberCode(
                of: account, isAddressCounted: true, client: client, locales: locales, from: origin, at: now)
        }
    }

    /// Takes the code that a number was texted, and makes the number the account's.
    ///
    /// - Parameter anchor: the sign-in that the code was typed in.
    package func proveNumber(
        of account: LoginIdentifier, code: String, operationID: String? = nil, in anchor: SignInAnchor?,
        ending: SignInEnding = .none, client: Client, tellsCompletion: Bool = false, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let change = numberChange(by: client, tellsCompletion: tellsCompletion, locales: locales, at: now)
        let outcome: NumberProofOutcome
        do throws(PhoneLoginError) {
            outcome = try await phone.prove(
                account, client: client, operationID: operationID, code: code,
                reward: .number(confirmedIn: anchor, ending: ending, change: change), from: origin, at: now)
        } catch {
            throw AccountError(error)
        }
        try check(outcome)
        doorbell.ring()
    }

    /// The same for a stranger who holds the code: whatever is wrong is one answer.
    package func proveNumber(
        quietly account: LoginIdentifier, code: String, client: Client, tellsCompletion: Bool, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await refusingAlike { () throws(AccountError) in
            try await proveNumber(
                of: account, code: code, in: nil, client: client, tellsCompletion: tellsCompletion, locales: locales,
                from: origin, at: now)
        }
    }

    /// Whatever is wrong with a stranger's code is one answer, and takes one time.
    private func refusingAlike(
        _ prove: () async throws(AccountError) -> Void
    ) async throws(AccountError) {
        try await evenly { () throws(AccountError) in
            do throws(AccountError) { try await prove() } catch {
                switch error {
                case .unavailable: throw error
                case .limited(let refusal) where refusal.name == .confirmPerIP: throw error
                default: throw .codeRefused(.wrong)
                }
            }
        }
    }

    func check(_ outcome: NumberProofOutcome) throws(AccountError) {
        switch outcome {
        case .proven: return
        case .nothingPending: throw .nothingPending
        case .wrong: throw .codeRefused(.wrong)
        case .exhausted: throw .codeRefused(.exhausted)
        case .unknown: throw .codeRefused(.unknown)
        case .taken: throw .codeRefused(.taken)
        case .limited(let refusal): throw .limited(refusal)
        }
    }

    private func numberChange(
        by client: Client, tellsCompletion: Bool = false, locales: [String], at now: Timestamp
    ) -> NumberChange {
        let token = entropy.token()
        return NumberChange(
            undo: SHA256Digest(of: token), undoableUntil: now.adding(seconds: settings.undoSeconds),
            notice: phone.notice(
                .numberChanged, from: client, link: issuer.appending("/account/undo?token=\(token)"), locales: locales,
                at: now),
            completed: tellsCompletion
                ? phone.notice(.verificationCompleted, from: client, locales: locales, at: now) : nil)
    }

    /// Takes a number on an app's word, for apps that do not verify. The old number hears of it all the same.
    package func replaceNumber(
        of account: AccountID, with number: PhoneNumber, client: Client, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let change = numberChange(by: client, locales: locales, at: now)
        let identity = PhoneIdentity(number: number.e164, client: client, at: now)
        let isOurs = try await act {
            try await store.replaceNumber(
                of: account, with: identity.rawValue, leaving: change, from: origin, at: now)
        }
        guard isOurs else { throw .taken(.number) }
        doorbell.ring()
    }

    /// The number hears of it, and can undo it: otherwise whoever takes over an account would remove its number first.
    package func removeNumber(
        of account: AccountID, client: Client, locales: [String], from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let change = numberChange(by: client, locales: locales, at: now)
        try await act { try await store.removeNumber(of: account, leaving: change, from: origin, at: now) }
        doorbell.ring()
    }

    /// What the link in a text to the old number would undo; looking changes nothing.
    package func undoableChange(_ token: String, at now: Timestamp) async throws(AccountError) -> UndoableChange? {
        try await act { try await store.numberChange(SHA256Digest(of: token), at: now) }
    }

    package func undoNumberChange(
        _ token: String, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> UndoOutcome {
        try await act { try await store.undoNumberChange(SHA256Digest(of: token), from: origin, at: now) }
    }
}

// MARK: - E-mail addresses

extension AccountFlow {
    /// E-mails a code.
    ///
    /// - Parameter address: `nil`: to the one that the account has, or that waits.
    package func sendCode(
        to account: LoginIdentifier, address: EmailAddress?, purpose: EmailPurpose, mustBe: FoldedText? = nil,
        isKnownPlace: Bool = false, isAddressCounted: Bool = false, client: Client, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try checkMailer(at: now)
        let template: MessageTemplate = purpose == .passwordReset ? .passwordReset : .verificationCode
        let proof = NewEmailProof(
            account: account, client: client.id, acceptsClaims: client.acceptsClaims, purpose: purpose,
            address: address, mustBe: mustBe, isKnownPlace: isKnownPlace, id: entropy.identifier(),
            code: OneTimeCode(length: codeLength, entropy: entropy),
            expiresAt: now.adding(seconds: settings.emailCodeLifetimeSeconds), maxGuesses: maxGuesses,
            codeSeal: codeSeal,
            message: { code, expiresAt, address in
                email(
                    template, code: code.digits, minutes: max(1, now.secondsRoundedUp(until: expiresAt) / 60),
                    from: client, locales: locales, until: expiresAt, at: now)(address)
            })
        let name = (address?.key.rawValue ?? account.countedAs) + (isKnownPlace ? " known" : "")
        let charges =
            [
                LimitCharge(
                    .requestCooldown, Limit(count: 1, windowSeconds: settings.requestCooldownSeconds),
                    subject: "mail \(name)")
            ].compactMap(\.self) + mailCharges(to: name, from: origin, isAddressCounted: isAddressCounted)
        switch try await act({ try await store.start(proof, charging: charges, from: origin, at: now) }) {
        case .started: doorbell.ring()
        case .nothing: throw .nothingPending
        case .exhausted(let until):
            throw .limited(
                LimitRefusal(
                    name: .guessesPerOperation,
                    limit: Limit(clampingCount: maxGuesses, windowSeconds: settings.emailCodeLifetimeSeconds),
                    retryAfterSeconds: now.secondsRoundedUp(until: until)))
        case .limited(let refusal): throw .limited(refusal)
        }
    }

    /// What an e-mail counts against, like a text.
    func mailCharges(to name: String, from origin: RequestOrigin, isAddressCounted: Bool) -> [LimitCharge] {
        [
            LimitCharge(.sendPerNumber, phone.sendPerNumber, subject: "mail \(name)"),
            isAddressCounted ? nil : LimitCharge(.sendPerIP, phone.sendPerIP, subject: origin.address ?? ""),
        ].compactMap(\.self)
    }

    /// The pending address's code once more, for a stranger, who learns nothing.
    package func resendEmailCode(
        quietly account: LoginIdentifier, client: Client, locales: [String], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(AccountError) {
        try await quietly(asking: account, for: "resend", from: origin, at: now) { () throws(AccountError) in
            try await sendCode(
                to: account, address: nil, purpose: .addressAgain, isAddressCounted: true, client: client,
                locales: locales, from: origin, at: now)
        }
    }

    /// Takes an e-mailed code, and makes the address the account's.
    package func proveEmailAddress(
        of account: LoginIdentifier, code: String, in anchor: SignInAnchor?, client: Client,
        tellsCompletion: Bool = false, locales: [String], from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let completed =
            tellsCompletion
            ? email(
                .verificationCompleted, code: nil, minutes: nil, from: client, locales: locales,
                until: now.adding(seconds: 86_400), at: now) : nil
        let outcome = try await proveEmail(
            of: account, client: client, code: code, reward: .address(confirmedIn: anchor, completed: completed),
            from: origin, at: now)
        try check(outcome)
        doorbell.ring()
    }

    package func proveEmailAddress(
        quietly account: LoginIdentifier, code: String, client: Client, tellsCompletion: Bool, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await refusingAlike { () throws(AccountError) in
            try await proveEmailAddress(
                of: account, code: code, in: nil, client: client, tellsCompletion: tellsCompletion, locales: locales,
                from: origin, at: now)
        }
    }

    func proveEmail(
        of account: LoginIdentifier, client: Client, isKnownPlace: Bool = false, code: String,
        reward: EmailProofReward, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> EmailProofOutcome {
        let proof = EmailProof(
            account: account, client: client.id, acceptsClaims: client.acceptsClaims, isKnownPlace: isKnownPlace,
            code: code, maxGuesses: maxGuesses, codeSeal: codeSeal,
            budget: { [limit = phone.guessesPerNumber] in
                LimitCharge(.guessesPerNumber, limit, subject: "mail \($0.rawValue)\(isKnownPlace ? " known" : "")")
            }, reward: reward)
        let charge = LimitCharge(.confirmPerIP, phone.confirmPerIP, subject: origin.address ?? "")
        return try await act {
            try await store.prove(proof, charging: [charge].compactMap(\.self), from: origin, at: now)
        }
    }

    /// Takes an address on an app's word, for apps that do not verify.
    package func replaceEmail(
        of account: AccountID, with address: EmailAddress, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        var change = AccountUpdate()
        change.email = GivenAddress(key: address.key.rawValue, text: address.text, isToBeProved: false)
        _ = try await update(account, change, from: origin, at: now)
    }

    package func removeEmail(
        of account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await act { try await store.removeEmail(of: account, from: origin, at: now) }
    }
}
