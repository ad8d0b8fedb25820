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
        let client = try await client(request.clientID, at: now)
        // Nothing here carries a signature or a reference, so whoever promised one is not let in without.
        guard client.mayRunPhoneLogin, !client.requiresSignedRequests, !client.requiresPushedRequests else {
            throw .clientNotAllowed
        }
        let parameters = try await check(request, for: client, from: origin, at: now)
        guard let number = request.phoneNumber else { throw .parameterMissing }
        let phone = try await checkedNumber(
            { () throws(PhoneNumberError) in try PhoneNumber(e164Input: number) }, client: client, from: origin, at: now
        )
        let start = LoginStart(
            client: client, phone: phone,
            purpose: { _ in
                .authorizationCode(
                    AuthorizationCodeBinding(
                        state: parameters.state, scope: parameters.scope, redirect: parameters.redirect,
                        codeChallenge: parameters.codeChallenge))
            },
            linkURL: parameters.linkURL, locales: parameters.locales, webOTPDomain: client.webOTPDomain,
            askingDevice: request.askingDevice, deviceIDs: [request.deviceID].compactMap(\.self))
        let (operation, expiresAt) = try await perform(start, from: origin, at: now)
        return PhoneLoginStarted(
            operationID: operation, expiresInSeconds: now.secondsRoundedUp(until: expiresAt),
            resendAfterSeconds: settings.resendCooldownSeconds, codeLength: settings.codeLength)
    }

    /// A login that passed every check, whoever asked for it.
    struct LoginStart: Sendable {
        /// `nil`: any name will do.
        var operationID: String?
        let client: Client
        let phone: PhoneNumber
        /// Of the operation with this id.
        let purpose: @Sendable (_ operationID: String) -> PhoneLoginPurpose
        /// `nil`: a sign-in's.
        var template: MessageTemplate?
        let linkURL: String?
        /// What the person would like to read, best first.
        let locales: [String]
        let webOTPDomain: String?
        let askingDevice: String?
        /// Of which one may be known with this number.
        let deviceIDs: [String]
        /// Known by other means.
        var device: KnownDevice?
        var isAddressCounted = false
    }

    func perform(
        _ start: LoginStart, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> (operationID: String, expiresAt: Timestamp) {
        if let seconds = routing.unavailableSeconds(for: .sms, region: start.phone.region, at: now) {
            try await record(
                SecurityEvent(
                    .sendRefused, at: now, origin: origin, clientID: start.client.id.rawValue,
                    phone: start.phone.masked, rule: "connectors", reason: "no connector works that takes these texts",
                    retryAfterSeconds: seconds, figures: start.phone.region))
            throw .messagesUnavailable(retryAfterSeconds: seconds)
        }
        let identity = PhoneIdentity(number: start.phone.e164, client: start.client, at: now)
        let device =
            start.device ?? start.deviceIDs.lazy.compactMap { devices.recognize($0, of: identity, at: now) }.first
        let operation = operation(for: start, identity: identity, device: device, at: now)
        let outcome: PhoneOperationStart
        do {
            outcome = try await store.start(
                operation,
                charging: charges(phone: start.phone, device: device, client: start.client, origin: origin)
                    .filter { !start.isAddressCounted || $0.name != .sendPerIP },
                from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
        switch outcome {
        case .started(let expiresAt, let message):
            if let message { doorbell.hand(over: message) }
            return (operation.id, expiresAt)
        case .limited(let refusal): throw .limited(refusal)
        case .exhausted(let until): throw .limited(exhausted(until: until, at: now))
        case .blocked: throw .numberCannotReceiveTexts
        case .overBudget(let until): throw .messagesUnavailable(retryAfterSeconds: now.secondsRoundedUp(until: until))
        }
    }

    /// What is left of a request once its parameters are checked.
    struct Parameters {
        let state: String
        let scope: Scope
        let redirect: VerifiedRedirect
        let codeChallenge: CodeChallenge?
        let linkURL: String?
        let locales: [String]
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
        let wishes = MessageLocale.wishes(
            uiLocales: request.uiLocales?.split(separator: " ").map(String.init) ?? [],
            acceptLanguage: request.acceptLanguage, fallback: client.defaultLocale)
        return Parameters(
            state: state, scope: scope, redirect: redirect,
            codeChallenge: try codeChallenge(of: request, client: client),
            linkURL: try linkURL(of: request, client: client), locales: wishes)
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

    func checkedNumber(
        _ parse: () throws(PhoneNumberError) -> PhoneNumber, client: Client, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneNumber {
        let phone: PhoneNumber
        do { phone = try parse() } catch { throw .notAPhoneNumber }
        guard let refusal = refusal(of: phone, client: client) else { return phone }
        try await record(
            SecurityEvent(
                .numberRefused, at: now, origin: origin, clientID: client.id.rawValue, phone: phone.masked,
                rule: refusal.rule, reason: refusal.reason, figures: refusal.figures))
        throw .numberCannotReceiveTexts
    }

    private func refusal(
        of phone: PhoneNumber, client: Client
    ) -> (rule: String, reason: StaticString, figures: String)? {
        if !phone.lineType.canReceiveTexts(sendingGuard.settings) {
            return ("lineType", "no texts go to this type of line", phone.lineType.rawValue)
        }
        if !settings.allowedCountries.isEmpty, !settings.allowedCountries.contains(phone.region) {
            return ("allowedCountries", "no texts go to this country", phone.region)
        }
        if !client.allowedCountries.isEmpty, !client.allowedCountries.contains(phone.region) {
            return ("allowedCountries", "this client's texts do not go to this country", phone.region)
        }
        return nil
    }

    private func operation(
        for start: LoginStart, identity: PhoneIdentity, device: KnownDevice?, at now: Timestamp
    ) -> NewPhoneOperation {
        let id = start.operationID ?? entropy.identifier()
        let linkToken = start.linkURL.map { _ in entropy.token() }
        let link = start.linkURL.flatMap { url in linkToken.map { Self.link(url, operationID: id, token: $0) } }
        let test = start.client.testNumber(start.phone.e164, at: now)
        let code =
            test.map { OneTimeCode(digits: $0.code) } ?? OneTimeCode(length: settings.codeLength, entropy: entropy)
        let expiresAt = now.adding(seconds: settings.codeLifetimeSeconds)
        let message = test != nil ? nil : message(for: start, link: link, at: now)
        return NewPhoneOperation(
            id: id, client: start.client.id, phone: start.phone, identity: identity, device: device,
            purpose: start.purpose(id), linkDigest: linkToken.map { SHA256Digest(of: $0) },
            askingDevice: start.askingDevice, startedAt: now, challengeID: entropy.identifier(), code: code,
            expiresAt: expiresAt, maxGuesses: settings.maxGuesses, codeSeal: codeSeal, message: message?.queued,
            guardCharges: message.flatMap { message in
                sendingGuard.charges(
                    for: start.phone, client: start.client, isKnownDevice: device != nil,
                    segments: routing.costsMoney(.sms, region: start.phone.region)
                        ? MessageLength(of: message.content(code, expiresAt).body).segments : 0, at: now)
            })
    }

    static func link(_ url: String, operationID: String, token: String) -> String {
        let separator = url.contains("?") ? "&" : "?"
        return "\(url)\(separator)operation_id=\(operationID)&link_token=\(token)"
    }

    /// How a text for any code is made, and queued.
    private struct MessageMaker {
        let content: @Sendable (OneTimeCode, Timestamp) -> MessageContent
        let queued: @Sendable (OneTimeCode, Timestamp) -> QueuedMessage
    }

    private func message(for start: LoginStart, link: String?, at now: Timestamp) -> MessageMaker {
        // One that can be typed: a command would take an id that begins with a hyphen for an option.
        let id = entropy.uuid(at: now)
        let seal = messageSeal
        let client = start.client
        // A stranger's words do not go out under the operator's name.
        let appName = client.isSelfDescribed ? registry[.accountPage]?.name ?? "" : client.name
        let leaseEnd = doorbell.leaseEnd(at: now)
        let template = start.template ?? (link == nil ? .signInCode : .signInCodeAndLink)
        let (locale, wording) = templates.catalogue.wording(
            of: template, channel: .sms, client: client.id.rawValue, wishes: start.locales)
        let content = { @Sendable (code: OneTimeCode, expiresAt: Timestamp) in
            MessageText(
                code: code.digits, appName: appName, minutes: max(1, now.secondsRoundedUp(until: expiresAt) / 60),
                link: link, webOTPDomain: start.webOTPDomain, androidAppHash: client.androidAppHash
            ).content(of: wording, channel: .sms)
        }
        return MessageMaker(content: content) { code, expiresAt in
            QueuedMessage(
                id: id, recipient: start.phone.e164, region: start.phone.region,
                sealedContent: seal.seal(content(code, expiresAt), id: id), template: template, locale: locale,
                clientID: client.id.rawValue, createdAt: now, expiresAt: expiresAt, leasedUntil: leaseEnd)
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
            LimitCharge(
                .sendPerRange, settings.sendPerRange, subject: TrafficSubject.rangeName(of: phone.e164)),
            LimitCharge(.sendPerIP, settings.sendPerIP, subject: origin.address ?? ""),
            LimitCharge(.sendPerCountry, settings.sendPerCountry, subject: phone.region),
            LimitCharge(.sendPerClient, settings.sendPerClient, subject: client.id.trafficName),
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
    /// people use them: refusing them is the operator's choice, not the default. Some fixed lines read texts out.
    func canReceiveTexts(_ settings: GuardSettings) -> Bool {
        switch self {
        case .mobile, .fixedLineOrMobile, .personal, .unknown: true
        case .voip: !settings.refusesVoIP
        case .fixedLine: !settings.refusesFixedLine
        case .premium, .tollFree, .sharedCost, .pager, .uan, .voicemail: false
        }
    }
}
