package import Accounts
import Cryptography
package import DeveloperLog
package import Messaging
package import OAuth
package import PhoneNumbers
import RateLimiting
package import Time

/// A code to be texted to an account's number.
package struct AccountText: Sendable {
    package let account: AccountID
    package let client: Client
    package let phone: PhoneNumber
    package let purpose: AccountPurpose
    /// What the person would like to read, best first.
    package let locales: [String]
    /// The site whose page the code is typed into; `nil` for an app.
    package let webOTPDomain: String?
    /// Asked for from where the account signed in before.
    package let isKnownPlace: Bool
    /// Whoever asks was counted by their address already, whether or not there is such an account.
    package let isAddressCounted: Bool

    package init(
        account: AccountID, client: Client, phone: PhoneNumber, purpose: AccountPurpose, locales: [String],
        webOTPDomain: String?, isKnownPlace: Bool = false, isAddressCounted: Bool = false
    ) {
        self.isAddressCounted = isAddressCounted
        self.isKnownPlace = isKnownPlace
        self.account = account
        self.client = client
        self.phone = phone
        self.purpose = purpose
        self.locales = locales
        self.webOTPDomain = webOTPDomain
    }
}

extension PhoneLoginFlow {
    /// Reads a number that an app sends, in international form, and refuses one that gets no texts.
    package func number(
        _ text: String, client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneNumber {
        try await checkedNumber(
            { () throws(PhoneNumberError) in try PhoneNumber(e164Input: text) }, client: client, from: origin, at: now)
    }

    /// The same of a number that a person types on a page.
    package func number(
        typed text: String, region: String?, client: Client, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneNumber {
        try await checkedNumber(
            { () throws(PhoneNumberError) in try PhoneNumber(parsing: text, region: region) }, client: client,
            from: origin, at: now)
    }

    /// Texts a code for an account, within every limit that sign-in texts have.
    package func start(
        _ text: AccountText, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PhoneLoginStarted {
        let phone = try await checkedNumber({ text.phone }, client: text.client, from: origin, at: now)
        // A test number's code is in a file: it proves nothing about an account of a real person.
        guard text.client.testNumber(phone.e164, at: now) == nil else { throw .numberCannotReceiveTexts }
        let start = LoginStart(
            client: text.client, phone: phone, purpose: { _ in .account(text.account, text.purpose) },
            template: text.purpose.template, linkURL: nil, locales: text.locales, webOTPDomain: text.webOTPDomain,
            askingDevice: nil, deviceIDs: [], device: text.isKnownPlace ? .knownPlace : nil,
            isAddressCounted: text.isAddressCounted)
        let (operation, expiresAt) = try await perform(start, from: origin, at: now)
        return PhoneLoginStarted(
            operationID: operation, expiresInSeconds: now.secondsRoundedUp(until: expiresAt),
            resendAfterSeconds: settings.resendCooldownSeconds, codeLength: settings.codeLength)
    }

    /// Takes the code that an account was texted.
    package func prove(
        _ account: LoginIdentifier, client: Client, isKnownPlace: Bool = false, operationID: String? = nil,
        code: String, reward: NumberProofReward, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> NumberProofOutcome {
        let proof = NumberProof(
            account: account, client: client.id, acceptsClaims: client.acceptsClaims, isKnownPlace: isKnownPlace,
            operationID: operationID, code: code,
            maxGuesses: settings.maxGuesses, codeSeal: codeSeal, budget: { budget($0, $1) },
            confirmed: confirmedTraffic, idleBefore: idleBefore(now), reward: reward)
        let charge = LimitCharge(.confirmPerIP, settings.confirmPerIP, subject: origin.address ?? "")
        do {
            return try await store.prove(proof, charging: [charge].compactMap(\.self), from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
    }

    /// A text without a code, to whichever number it turns out to be. Somebody proved to hold that number, so it is
    /// no way to text strangers.
    package func notice(
        _ template: MessageTemplate, from client: Client, link: String? = nil, locales: [String], at now: Timestamp
    ) -> NumberNotice {
        { [templates, messageSeal, entropy] identity in
            guard identity.testClient == nil, let phone = try? PhoneNumber(e164Input: identity.number) else {
                return nil
            }
            let (locale, wording) = templates.catalogue.wording(
                of: template, channel: .sms, client: client.id.rawValue, wishes: locales)
            let id = entropy.uuid(at: now)
            let content = MessageText(code: nil, appName: client.name, minutes: nil, link: link)
                .content(of: wording, channel: .sms)
            return QueuedMessage(
                id: id, recipient: phone.e164, region: phone.region, sealedContent: messageSeal.seal(content, id: id),
                template: template, locale: locale, clientID: client.id.rawValue, createdAt: now,
                expiresAt: now.adding(seconds: Self.noticeLifetimeSeconds))
        }
    }

    /// Who learns of it a day late can still undo it.
    private static let noticeLifetimeSeconds = 86_400
}
