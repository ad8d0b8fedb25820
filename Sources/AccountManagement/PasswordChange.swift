package import Accounts
import Cryptography
package import DeveloperLog
import Messaging
package import OAuth
import PhoneLogin
import RateLimiting
package import Time

extension AccountFlow {
    /// The signed-in holder chooses a new password. Whoever has one types it; whoever signs in by phone alone sets
    /// the first one without.
    package func changePassword(
        of account: AccountID, from old: String?, to new: String, rules: PasswordRules, ending: SignInEnding,
        client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        guard let stored = try await act({ try await store.password(of: account) }) else { throw .unknownAccount }
        if let encoded = stored.encoded {
            guard let old else { throw .wrongPassword }
            try await verify(old, of: account, client: client, from: origin, at: now)
            try check(new, by: rules, names: stored.names)
            try await change(of: account, from: encoded, to: new, ending, from: origin, at: now)
        } else {
            try check(new, by: rules, names: stored.names)
            try await change(of: account, from: nil, to: new, ending, from: origin, at: now)
        }
    }

    private func change(
        of account: AccountID, from expected: String?, to new: String, _ ending: SignInEnding,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let encoded = try await hash(new)
        let isChanged = try await act {
            try await store.changePassword(
                of: account, from: expected, to: encoded, ending: ending, from: origin, at: now)
        }
        guard isChanged else { throw .wrongPassword }
    }

    /// Whether the signed-in holder knows the password; guesses count like those at a sign-in.
    package func verify(
        _ password: String, of account: AccountID, client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let attempt = PasswordAttempt(identifier: .id(account), password: password, acceptsClaims: [])
        do throws(AccountError) {
            _ = try await signIn(attempt, client: client, signIn: nil, from: origin, at: now)
        } catch {
            if case .signInFailed = error { throw .wrongPassword }
            throw error
        }
    }

    // MARK: - Forgotten

    /// Texts or e-mails a code for a new password to whoever an account belongs to. Callers learn nothing: neither
    /// whether there is such an account nor whether it can be reached so.
    package func requestReset(
        of account: LoginIdentifier, by kind: AddressKind, client: Client, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await quietly(asking: account, for: "reset", from: origin, at: now) { () throws(AccountError) in
            guard let profile = try await act({ try await store.profile(account) }), !profile.isDisabled else { return }
            let isKnown = try await isKnownPlace(of: profile.id, origin, at: now)
            let locales = [profile.locale].compactMap(\.self) + locales
            switch kind {
            case .phone:
                guard let number = profile.number, number.isProven || client.acceptsClaims.contains(.phone) else {
                    return
                }
                let text = AccountText(
                    account: profile.id, client: client, phone: try Self.number(number.text), purpose: .passwordReset,
                    locales: locales, webOTPDomain: client.webOTPDomain, isKnownPlace: isKnown,
                    isAddressCounted: true)
                do throws(PhoneLoginError) { _ = try await phone.start(text, from: origin, at: now) } catch {
                    throw AccountError(error)
                }
            case .email:
                try await sendCode(
                    to: .id(profile.id), address: nil, purpose: .passwordReset, isKnownPlace: isKnown,
                    isAddressCounted: true, client: client, locales: locales, from: origin, at: now)
            }
        }
    }

    private func isKnownPlace(
        of account: AccountID, _ origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> Bool {
        try await act { try await store.isKnown(Self.place(of: account, origin), at: now) }
    }

    /// Takes the code and sets the password, whichever way the code went. Everything that was signed in ends.
    package func completeReset(
        of account: LoginIdentifier, code: String, to new: String, rules: PasswordRules, client: Client,
        locales: [String], from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try check(new, by: rules, names: [])
        try await countPassword(client: client, origin, at: now)
        try await evenly { () throws(AccountError) in
            // Before anything is known, so that it takes everybody's time.
            let encoded = try await hash(new)
            let profile = try await act { try await store.profile(account) }
            var isKnown = false
            if let profile { isKnown = try await isKnownPlace(of: profile.id, origin, at: now) }
            let locales = [profile?.locale].compactMap(\.self) + locales
            let notice = phone.notice(.passwordResetDone, from: client, locales: locales, at: now)
            let outcome: NumberProofOutcome
            do throws(PhoneLoginError) {
                outcome = try await phone.prove(
                    account, client: client, isKnownPlace: isKnown, code: code,
                    reward: .password(encoded, notice: notice), from: origin, at: now)
            } catch {
                throw AccountError(error)
            }
            doorbell.ring()
            if case .proven = outcome { return }
            if case .limited(let refusal) = outcome, refusal.name == .confirmPerIP { throw .limited(refusal) }
            let email = try await proveEmail(
                of: account, client: client, isKnownPlace: isKnown, code: code,
                reward: .password(
                    encoded,
                    notice: self.email(
                        .passwordResetDone, code: nil, minutes: nil, from: client, locales: locales,
                        until: now.adding(seconds: 86_400), at: now)), from: origin, at: now)
            guard case .proven = email else { throw .codeRefused(.wrong) }
        }
    }

    /// E-mails a token for a new password to where the account says it is reached.
    package func requestResetToken(
        of account: LoginIdentifier,
        to recipient: @escaping @Sendable (AccountProfile, [AccountProperty]) -> EmailAddress?,
        properties: [String], client: Client, locales: [String], from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await quietly(asking: account, for: "reset", from: origin, at: now) { () throws(AccountError) in
            try checkMailer(at: now)
            let token = entropy.token()
            let expiresAt = now.adding(seconds: Self.resetTokenLifetimeSeconds)
            let request = ResetRequest(
                account: account, recipient: recipient, properties: properties, digest: SHA256Digest(of: token),
                expiresAt: expiresAt,
                message: email(
                    .passwordResetToken, code: token, minutes: Self.resetTokenLifetimeSeconds / 60, from: client,
                    locales: locales, until: expiresAt, at: now))
            let charges = mailCharges(to: account.countedAs, from: origin, isAddressCounted: true)
            _ = try await act { try await store.requestReset(request, charging: charges, from: origin, at: now) }
            doorbell.ring()
        }
    }

    private static let resetTokenLifetimeSeconds = 3600

    package func reset(
        of account: LoginIdentifier, token: String, to new: String, rules: PasswordRules, signIn: NewSignIn?,
        client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> AccountProfile {
        try check(new, by: rules, names: [])
        try await countPassword(client: client, origin, at: now)
        return try await evenly { () throws(AccountError) in
            let encoded = try await hash(new)
            let reset = PasswordReset(
                digest: SHA256Digest(of: token), account: account, password: encoded, signIn: signIn)
            switch try await act({ try await store.reset(reset, from: origin, at: now) }) {
            case .reset(let profile): return profile
            case .unknown: throw .codeRefused(.unknown)
            }
        }
    }

    /// A password that somebody wants hashed, before it costs anything.
    private func countPassword(
        client: Client, _ origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let charge = LimitCharge(.passwordPerIP, settings.passwordPerIP, subject: origin.address ?? "")
        try await count([charge].compactMap(\.self), as: .passwordRefused, client: client, origin, at: now)
    }

    /// Something that a stranger may ask for at any name: counted by the name and the stranger, whether or not anybody
    /// is called so, and answered alike whatever comes of it.
    func quietly(
        asking account: LoginIdentifier, for purpose: String, from origin: RequestOrigin, at now: Timestamp,
        _ work: () async throws(AccountError) -> Void
    ) async throws(AccountError) {
        try await evenly { () throws(AccountError) in
            let charges = [
                LimitCharge(.passwordPerIP, settings.passwordPerIP, subject: origin.address ?? ""),
                LimitCharge(
                    .requestCooldown, Limit(count: 1, windowSeconds: settings.requestCooldownSeconds),
                    subject: "\(purpose) \(account.countedAs) \(origin.address ?? "")"),
                // Like the message itself, which goes out only if there is somebody to get it.
                LimitCharge(.sendPerIP, phone.sendPerIP, subject: origin.address ?? ""),
            ].compactMap(\.self)
            if let refusal = try await act({ try await store.charge(charges, at: now) }) { throw .limited(refusal) }
            do throws(AccountError) { try await work() } catch {
                // What the number's own limits refused is in the developer log.
                if case .unavailable = error { throw error }
            }
        }
    }
}
