package import Accounts
import Cryptography
package import DeveloperLog
package import OAuth
import RateLimiting
package import Time

/// A name and a password, typed somewhere.
package struct PasswordAttempt: Sendable {
    /// `nil` for a text that names nobody; it is refused like a name that nobody has.
    package let identifier: LoginIdentifier?
    package let password: String
    /// Kinds of addresses for which an app's word is enough.
    package let acceptsClaims: Set<AddressKind>
    /// What the app calls the device, if it says so.
    package let device: String?

    package init(
        identifier: LoginIdentifier?, password: String, acceptsClaims: Set<AddressKind>, device: String? = nil
    ) {
        self.identifier = identifier
        self.password = password
        self.acceptsClaims = acceptsClaims
        self.device = device
    }
}

extension AccountFlow {
    /// Whose name and password these are. Every failure is one answer and takes one time; the cause is in the
    /// developer log.
    ///
    /// Guesses at a name are counted before they are compared, those of strangers apart from those from where the
    /// name signed in before: nobody locks an owner out by guessing.
    ///
    /// - Parameter signIn: made in the same transaction that finds the password still in place.
    package func signIn(
        _ attempt: PasswordAttempt, client: Client, signIn: NewSignIn?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> AccountID {
        let start = ContinuousClock.now
        do throws(AccountError) {
            let query = query(attempt, from: origin)
            let candidate = try await candidate(query, from: origin, at: now)
            if let account = try await finish(candidate, attempt, query, client, signIn, from: origin, at: now) {
                return account
            }
            // Another sign-in may have put today's hash in the place of an older one meanwhile: once more with that.
            guard let candidate, let stored = try await act({ try await store.password(of: candidate.account) }) else {
                throw .signInFailed
            }
            let renewed = PasswordCandidate(
                account: candidate.account, password: stored.encoded.flatMap { StoredPassword(encoded: $0) },
                isDisabled: candidate.isDisabled, isKnownOrigin: candidate.isKnownOrigin)
            if let account = try await finish(renewed, attempt, query, client, signIn, from: origin, at: now) {
                return account
            }
            throw .signInFailed
        } catch {
            if case .signInFailed = error { try? await Task.sleep(until: start + evenDuration) }
            throw error
        }
    }

    /// `nil` when the password that was checked is not the account's any more.
    private func finish(
        _ candidate: PasswordCandidate?, _ attempt: PasswordAttempt, _ query: PasswordQuery, _ client: Client,
        _ signIn: NewSignIn?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> AccountID? {
        let verdict = try await check(attempt.password, against: candidate?.password)
        guard let candidate, case .right(let rehashed) = verdict, !candidate.isDisabled else {
            try await refuse(candidate, verdict, client: client, from: origin, at: now)
            throw .signInFailed
        }
        let passed = PasswordSignIn(
            candidate: candidate,
            // A change of password compares with what is stored, which a mere check leaves alone.
            rehashed: signIn == nil ? nil : rehashed?.encoded,
            refunds: query.charges(candidate.isKnownOrigin).filter { $0.name == .passwordPerIdentifier },
            origins: query.origins + [Self.place(of: candidate.account, origin)],
            originsUntil: now.adding(seconds: Self.originLifetimeSeconds), signIn: signIn)
        return try await act({ try await store.signIn(passed, from: origin, at: now) }) ? candidate.account : nil
    }

    /// How long a place is known after a sign-in: 180 days, like a device of the phone login.
    private static let originLifetimeSeconds = 15_552_000
    private static let nobody = LoginIdentifier.loginName(FoldedText(stored: ""))

    private func query(_ attempt: PasswordAttempt, from origin: RequestOrigin) -> PasswordQuery {
        let identifier = attempt.identifier ?? Self.nobody
        let name = identifier.countedAs
        var places = ["address:\(origin.address ?? "")"]
        if let device = attempt.device { places.append("device:\(device)") }
        let (perIP, perIdentifier) = (settings.passwordPerIP, settings.passwordPerIdentifier)
        let address = origin.address ?? ""
        return PasswordQuery(
            identifier: identifier, acceptsClaims: attempt.acceptsClaims,
            origins: places.map { Self.origin(name, $0) },
            charges: { isKnown in
                [
                    LimitCharge(.passwordPerIP, perIP, subject: address),
                    LimitCharge(.passwordPerIdentifier, perIdentifier, subject: isKnown ? "\(name) known" : name),
                ].compactMap(\.self)
            })
    }

    private static func origin(_ name: String, _ place: String) -> SHA256Digest {
        SHA256Digest(of: "\(name)\u{0}\(place)")
    }

    /// Where an account signed in, whatever it was called there.
    static func place(of account: AccountID, _ origin: RequestOrigin) -> SHA256Digest {
        Self.origin(LoginIdentifier.id(account).countedAs, "address:\(origin.address ?? "")")
    }

    private func candidate(
        _ query: PasswordQuery, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> PasswordCandidate? {
        switch try await act({ try await store.passwordCandidate(query, from: origin, at: now) }) {
        case .limited(let refusal): throw .limited(refusal)
        case .candidate(let candidate): return candidate
        }
    }

    func check(
        _ password: String, against stored: StoredPassword?
    ) async throws(AccountError) -> PasswordHashing.Verdict {
        // What is longer than any password may be takes no longer to refuse.
        let isPossible = password.utf8.count <= PasswordRules.byteLimit
        do throws(PasswordHashing.Failure) {
            let verdict = try await passwords.check(isPossible ? password : "", against: stored)
            return isPossible ? verdict : .wrong
        } catch {
            throw AccountError(error)
        }
    }

    func hash(_ password: String) async throws(AccountError) -> String {
        do throws(PasswordHashing.Failure) { return try await passwords.hash(password).encoded } catch {
            throw AccountError(error)
        }
    }

    private func refuse(
        _ candidate: PasswordCandidate?, _ verdict: PasswordHashing.Verdict, client: Client,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let reason: StaticString =
            switch (candidate, verdict) {
            case (nil, _): "nobody is called so, or the address is not proved"
            case (let candidate?, _) where candidate.password == nil: "the account has no password"
            case (_?, .right): "the account is disabled"
            default: "wrong password"
            }
        try await record(
            SecurityEvent(
                .passwordRefused, at: now, origin: origin, clientID: client.id.rawValue,
                accountID: candidate?.account.rawValue, reason: reason))
    }
}
