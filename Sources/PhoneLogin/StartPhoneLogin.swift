import Cryptography
package import DeveloperLog
import Messaging
import OAuth
import PhoneNumbers
import RateLimiting
package import Time

extension PhoneLoginFlow {
    /// Texts a code. Everything that is free to check is checked before anything is counted, and nothing is
    /// counted unless a text goes out.
    package func start(
        _ request: PhoneLoginRequest, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneLoginStarted {
        let client = try client(request.clientID)
        let parameters = try await check(request, for: client, from: origin, at: now)
        let phone = try await checkedNumber(request.phoneNumber, client: client, from: origin, at: now)
        if let seconds = health.unavailableSeconds(at: now) {
            throw .messagesUnavailable(retryAfterSeconds: seconds)
        }
        let identity = PhoneIdentity(number: phone.e164, client: client, at: now)
        let device = devices.recognize(request.deviceID, of: identity, at: now)
        let operation = operation(
            for: parameters, client: client, phone: phone, identity: identity, device: device, at: now)

        let start: PhoneOperationStart
        do {
            start = try await store.start(
                operation, charging: charges(phone: phone, device: device, client: client, origin: origin),
                from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
        switch start {
        case .started(let expiresAt):
            doorbell.ring()
            return PhoneLoginStarted(
                operationID: operation.id, expiresInSeconds: now.secondsRoundedUp(until: expiresAt),
                resendAfterSeconds: settings.resendCooldownSeconds, codeLength: settings.codeLength)
        case .limited(let refusal):
            throw .limited(refusal)
        case .exhausted(let until):
            throw .limited(exhausted(until: until, at: now))
        }
    }

    /// What is left of a request once its parameters are checked.
    struct Parameters {
        let state: String
        let scope: Scope
        let redirect: VerifiedRedirect
        let codeChallenge: CodeChallenge?
        let linkURL: String?
        let locale: String
    }

    private func check(
        _ request: PhoneLoginRequest, for client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> Parameters {
        guard let responseType = request.responseType else { throw .parameterMissing }
        guard responseType == "code" else { throw .parameterMalformed }
        guard let state = request.state, state.unicodeScalars.count >= 8, state.utf8.count <= 1024 else {
            throw .stateMissingOrShort
        }
        let redirect = try await verifiedRedirect(request.redirectURI, client: client, from: origin, at: now)
        guard let scope = Scope(request.scope ?? ""), client.scope.map(scope.isSubset) ?? true else {
            throw .parameterMalformed
        }
        let wishes =
            (request.uiLocales?.split(separator: " ").map(String.init) ?? [])
            + (request.acceptLanguage.map(MessageLocale.wishes) ?? [])
            + (client.defaultLocale.map { [$0] } ?? [])
        return Parameters(
            state: state, scope: scope, redirect: redirect,
            codeChallenge: try codeChallenge(of: request, client: client),
            linkURL: try linkURL(of: request, client: client), locale: MessageLocale.best(for: wishes))
    }

    private func verifiedRedirect(
        _ requested: String?, client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> VerifiedRedirect {
        let failure: RedirectFailure
        do {
            return try client.verifyRedirect(requested)
        } catch {
            failure = error
        }
        guard failure == .notRegistered else { throw .redirectMissing }
        try await record(
            SecurityEvent(
                .redirectRefused, at: now, origin: origin, clientID: client.id.rawValue,
                reason: "redirect_uri is not registered"))
        throw .redirectNotRegistered
    }

    private func codeChallenge(
        of request: PhoneLoginRequest, client: Client
    ) throws(PhoneLoginError) -> CodeChallenge? {
        guard let text = request.codeChallenge else {
            // A method without a challenge is a client that believes it uses PKCE: say so.
            guard request.codeChallengeMethod == nil, !client.requiresPKCE else { throw .parameterMissing }
            return nil
        }
        // RFC 7636 §4.3 defaults the method to `plain`, which does not exist here, so it must be named.
        guard request.codeChallengeMethod == "S256", let challenge = CodeChallenge(text) else {
            throw .parameterMalformed
        }
        return challenge
    }

    /// Any other page would make this server text links for phishers.
    private func linkURL(of request: PhoneLoginRequest, client: Client) throws(PhoneLoginError) -> String? {
        guard request.sendLink else { return nil }
        guard let url = request.linkURL, client.linkURIs.contains(where: { $0.isExactly(url) }) else {
            throw .linkNotRegistered
        }
        return url
    }

    private func checkedNumber(
        _ text: String?, client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneNumber {
        guard let text else { throw .parameterMissing }
        let phone: PhoneNumber
        do {
            phone = try PhoneNumber(e164Input: text)
        } catch {
            throw .notAPhoneNumber
        }
        let isAllowedCountry = settings.allowedCountries.isEmpty || settings.allowedCountries.contains(phone.region)
        guard phone.lineType.canReceiveTexts, isAllowedCountry else {
            try await record(
                SecurityEvent(
                    .numberRefused, at: now, origin: origin, clientID: client.id.rawValue, phone: phone.masked,
                    rule: isAllowedCountry ? "lineType" : "allowedCountries",
                    reason: isAllowedCountry ? "line type cannot receive texts" : "country is not allowed"))
            throw .numberCannotReceiveTexts
        }
        return phone
    }

    private func operation(
        for parameters: Parameters, client: Client, phone: PhoneNumber, identity: PhoneIdentity,
        device: KnownDevice?, at now: Timestamp
    ) -> NewPhoneOperation {
        let id = entropy.identifier()
        let linkToken = parameters.linkURL.map { _ in entropy.token() }
        let link = parameters.linkURL.flatMap { url in
            linkToken.map { Self.link(url, operationID: id, token: $0) }
        }
        let test = client.testNumber(phone.e164, at: now)
        return NewPhoneOperation(
            id: id, client: client.id, phone: phone,
            identity: identity, device: device,
            state: parameters.state,
            scope: parameters.scope, redirect: parameters.redirect, codeChallenge: parameters.codeChallenge,
            linkDigest: linkToken.map { SHA256Digest(of: $0) }, challengeID: entropy.identifier(),
            code: test.map { OneTimeCode(digits: $0.code) }
                ?? OneTimeCode(length: settings.codeLength, entropy: entropy),
            expiresAt: now.adding(seconds: settings.codeLifetimeSeconds), maxGuesses: settings.maxGuesses,
            codeSeal: codeSeal,
            message: test != nil
                ? nil : message(to: phone, client: client, locale: parameters.locale, link: link, at: now))
    }

    static func link(_ url: String, operationID: String, token: String) -> String {
        let separator = url.contains("?") ? "&" : "?"
        return "\(url)\(separator)operation_id=\(operationID)&link_token=\(token)"
    }

    private func message(
        to phone: PhoneNumber, client: Client, locale: String, link: String?, at now: Timestamp
    ) -> @Sendable (OneTimeCode, Timestamp) -> QueuedMessage {
        let id = entropy.identifier()
        let seal = messageSeal
        return { code, expiresAt in
            let text = SignInText(
                code: code.digits, appName: client.name,
                minutes: max(1, now.secondsRoundedUp(until: expiresAt) / 60), link: link,
                webOTPDomain: client.webOTPDomain, androidAppHash: client.androidAppHash)
            return QueuedMessage(
                id: id, recipient: phone.e164, sealedBody: seal.seal(text.body(locale: locale), id: id),
                template: link == nil ? .signInCode : .signInCodeAndLink, locale: locale,
                clientID: client.id.rawValue, createdAt: now, expiresAt: expiresAt)
        }
    }

    /// Narrowest first: a flood at one number is refused by that number's limit and does not use up its
    /// client's, which other people need.
    private func charges(
        phone: PhoneNumber, device: KnownDevice?, client: Client, origin: RequestOrigin
    ) -> [LimitCharge] {
        let number = Self.subject(phone.e164, isKnownDevice: device != nil)
        return [
            LimitCharge(.resendCooldown, settings.resendCooldown, subject: number),
            LimitCharge(.sendPerNumber, settings.sendPerNumber, subject: number),
            LimitCharge(.sendPerIP, settings.sendPerIP, subject: origin.address ?? ""),
            LimitCharge(.sendPerClient, settings.sendPerClient, subject: client.id.rawValue),
        ].compactMap(\.self)
    }

    private func exhausted(until: Timestamp, at now: Timestamp) -> LimitRefusal {
        LimitRefusal(
            name: .guessesPerOperation,
            limit: Limit(clampingCount: settings.maxGuesses, windowSeconds: settings.codeLifetimeSeconds),
            retryAfterSeconds: now.secondsRoundedUp(until: until))
    }
}

extension LineType {
    /// Whether a text to such a line arrives and costs an ordinary price. VoIP lines mostly get texts, and
    /// people use them: refusing them is the operator's choice, not the default.
    var canReceiveTexts: Bool {
        switch self {
        case .mobile, .fixedLineOrMobile, .voip, .personal, .unknown: true
        case .fixedLine, .premium, .tollFree, .sharedCost, .pager, .uan, .voicemail: false
        }
    }
}
