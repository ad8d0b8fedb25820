import Accounts
import Cryptography
package import OAuth
import PhoneNumbers
import RateLimiting
import Time

/// The authorization challenge endpoint (OAuth 2.0 for First-Party Applications §5) without its HTTP: the phone login
/// in the words of OAuth.
///
/// It is a second door to the same operation: texts, codes, limits, budgets and the guard are those of
/// `PhoneLoginFlow`, and what is used up at one door is used up at the other.
package struct ChallengeEndpoint: Sendable {
    private let flow: PhoneLoginFlow
    private let authenticator: ClientAuthenticator
    private let proofs: ProofOfPossession
    private let pushed: PushedRequests

    package init(
        flow: PhoneLoginFlow, authenticator: ClientAuthenticator, proofs: ProofOfPossession, pushed: PushedRequests
    ) {
        self.flow = flow
        self.authenticator = authenticator
        self.proofs = proofs
        self.pushed = pushed
    }

    package func respond(
        to request: ClientRequest, from device: ChallengingDevice
    ) async throws(OAuthError) -> ChallengeAnswer {
        let client = try await authenticator.authenticate(request).client
        guard client.isFirstParty, client.mayRunPhoneLogin, client.grantTypes.contains(.authorizationCode) else {
            throw .unauthorizedClient("only first-party clients may sign people in themselves")
        }
        let call = ChallengeCall(
            request: request, client: client, device: device,
            keyThumbprint: try await proofs.keyThumbprint(of: request))
        guard call.keyThumbprint != nil || !client.requiresDPoP else {
            throw OAuthError(.invalidDPoPProof, "this client's requests need a DPoP proof")
        }
        guard let token = try request.form.value("auth_session") else { return try await begin(call) }
        let session = AuthSession(token: token)
        if try request.form.value("resend") == "true" { return try await resend(session, call) }
        return try await take(session, call)
    }

    // MARK: - The first request

    private func begin(_ call: ChallengeCall) async throws(OAuthError) -> ChallengeAnswer {
        let parameters = try ChallengeParameters(call)
        guard let hint = try call.form.value("login_hint") else {
            throw .invalidRequest("login_hint is missing: the phone number")
        }
        let session = AuthSession(token: flow.entropy.token())
        return try await send(parameters, to: hint, for: session, call)
    }

    /// Texts a code. When the guard will not, the person may still get through in a browser, where they can see why.
    private func send(
        _ parameters: ChallengeParameters, to number: String, for session: AuthSession, device: KnownDevice? = nil,
        _ call: ChallengeCall
    ) async throws(OAuthError) -> ChallengeAnswer {
        let phone: PhoneNumber
        do throws(PhoneLoginError) {
            phone = try await flow.checkedNumber(
                { () throws(PhoneNumberError) in try PhoneNumber(e164Input: number) }, client: call.client,
                from: call.origin, at: call.now)
        } catch {
            throw error.challengeError
        }
        do throws(PhoneLoginError) {
            let start = PhoneLoginFlow.LoginStart(
                operationID: session.operationID, client: call.client, phone: phone,
                purpose: { _ in .authorizationCode(parameters.binding) }, linkURL: nil,
                locales: call.device.wishes(call.client, uiLocales: parameters.uiLocales),
                webOTPDomain: call.client.webOTPDomain, askingDevice: call.device.description,
                deviceIDs: [parameters.deviceID].compactMap(\.self), device: device)
            let (_, expiresAt) = try await flow.perform(start, from: call.origin, at: call.now)
            return .otpRequired(
                session.token,
                OTPTerms(
                    expiresInSeconds: call.now.secondsRoundedUp(until: expiresAt),
                    resendAfterSeconds: flow.settings.resendCooldownSeconds, codeLength: flow.settings.codeLength))
        } catch {
            guard case .numberCannotReceiveTexts = error else { throw error.challengeError }
            return try await redirectToWeb(parameters.binding, number: number, call)
        }
    }

    // MARK: - The requests after it

    private func resend(_ session: AuthSession, _ call: ChallengeCall) async throws(OAuthError) -> ChallengeAnswer {
        let login = try await login(session, call)
        return try await send(
            try ChallengeParameters(login, call), to: login.number, for: session,
            device: login.device.map(KnownDevice.init), call)
    }

    private func login(_ session: AuthSession, _ call: ChallengeCall) async throws(OAuthError) -> AppLogin {
        let login: AppLogin?
        do {
            login = try await flow.store.appLogin(
                session.operationID, of: call.client.id, maxGuesses: flow.settings.maxGuesses, at: call.now)
        } catch {
            throw .serverError(error)
        }
        guard let login, login.keyThumbprint == nil || login.keyThumbprint == call.keyThumbprint else {
            throw Self.unknownSession
        }
        return login
    }

    private func take(_ session: AuthSession, _ call: ChallengeCall) async throws(OAuthError) -> ChallengeAnswer {
        guard let code = try call.form.value("otp") else {
            _ = try await login(session, call)
            return .otpRequired(session.token, nil)
        }
        guard code.utf8.count <= 64 else { throw .invalidRequest("otp is too long") }
        let authorizationCode = flow.entropy.token()
        do throws(PhoneLoginError) {
            let passed = try await flow.perform(
                guess(code, session, authorizationCode: authorizationCode, call), from: call.origin, at: call.now)
            let known = flow.devices.recognize(
                (try? call.form.optional("device_id")) ?? nil, of: passed.identity, at: call.now)
            return .authorizationCode(
                authorizationCode, deviceID: flow.devices.issue(for: known, of: passed.identity, at: call.now))
        } catch {
            switch error {
            case .wrongCode: return .otpRequired(session.token, nil)
            case .accountDisabled(let login?):
                return try await redirectToWeb(
                    try ChallengeParameters(login, call).binding, number: login.number, call)
            default: throw error.challengeError
            }
        }
    }

    private func guess(
        _ code: String, _ session: AuthSession, authorizationCode: String, _ call: ChallengeCall
    ) -> PhoneGuess {
        PhoneGuess(
            operationID: session.operationID, client: call.client.id, number: nil, isFor: { _ in true },
            proof: .code(code, approval: nil), keyThumbprint: call.keyThumbprint,
            maxGuesses: flow.settings.maxGuesses, codeSeal: flow.codeSeal, budget: { flow.budget($0, $1) },
            confirmed: flow.confirmedTraffic, newAccount: AccountID(flow.entropy.uuid()),
            idleBefore: flow.idleBefore(call.now),
            reward: .authorizationCode(
                SHA256Digest(of: authorizationCode), grant: GrantID(flow.entropy.identifier(at: call.now)),
                expiresAt: call.now.adding(seconds: flow.authorizationCodeLifetimeSeconds)))
    }

    static let unknownSession = OAuthError(
        .invalidSession, "auth_session is unknown, expired, used up, or of another client or key")

    // MARK: - To the browser

    /// §5.2.2.1: the same request, pushed, for the pages of this server.
    private func redirectToWeb(
        _ binding: AuthorizationCodeBinding, number: String, _ call: ChallengeCall
    ) async throws(OAuthError) -> ChallengeAnswer {
        let denied = OAuthError(.accessDenied, "this sign-in cannot go on, and there is no redirect_uri for a browser")
        guard let redirect = binding.redirect ?? (try? call.client.verifyRedirect(nil)),
            binding.codeChallenge != nil
        else { throw denied }
        var parameters: [(name: String, value: String)] = [
            ("client_id", call.client.id.rawValue), ("response_type", "code"), ("redirect_uri", redirect.uri),
            ("scope", binding.scope.text), ("login_hint", number),
        ]
        if let challenge = binding.codeChallenge {
            parameters += [("code_challenge", challenge.rawValue), ("code_challenge_method", "S256")]
        }
        if let nonce = binding.nonce { parameters.append(("nonce", nonce)) }
        if let thumbprint = binding.keyThumbprint { parameters.append(("dpop_jkt", thumbprint)) }
        parameters += binding.resources.identifiers.map { ("resource", $0.uri) }
        return .redirectToWeb(try await pushed.push(parameters, of: call.client, by: call.origin, at: call.now))
    }
}

extension PhoneLoginError {
    fileprivate var challengeError: OAuthError {
        switch self {
        case .notAPhoneNumber: .invalidRequest("login_hint is not a phone number in E.164")
        case .numberCannotReceiveTexts: .invalidRequest("no texts go to this number")
        case .limited(let refusal): .limited(refusal)
        case .messagesUnavailable(let seconds):
            OAuthError(.temporarilyUnavailable, "no text can be sent right now", retryAfterSeconds: seconds)
        case .unavailable(let cause): .serverError(cause)
        case .accountDisabled: OAuthError(.accessDenied, "this sign-in cannot go on")
        default: ChallengeEndpoint.unknownSession
        }
    }
}
