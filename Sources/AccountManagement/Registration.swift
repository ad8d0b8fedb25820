package import Accounts
import Cryptography
package import DeveloperLog
package import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
package import Time

/// What a login name must be: services differ.
package struct LoginNameRule: Sendable {
    package let minimumLength: Int
    package let maximumLength: Int
    package let allows: @Sendable (Unicode.Scalar) -> Bool

    package init(
        minimumLength: Int, maximumLength: Int, allows: @escaping @Sendable (Unicode.Scalar) -> Bool
    ) {
        self.minimumLength = minimumLength
        self.maximumLength = maximumLength
        self.allows = allows
    }

    package func check(_ name: String) throws(AccountError) -> (text: String, key: FoldedText) {
        let length = name.unicodeScalars.count
        guard length >= minimumLength else { throw .invalid(.loginName, .tooShort) }
        guard length <= maximumLength else { throw .invalid(.loginName, .tooLong) }
        guard name.unicodeScalars.allSatisfy(allows), let key = FoldedText(name) else {
            throw .invalid(.loginName, .invalid)
        }
        // What is compared has to be as long as what was typed in: invisible characters are no name.
        guard key.rawValue.unicodeScalars.count >= minimumLength else { throw .invalid(.loginName, .tooShort) }
        return (name, key)
    }
}

/// Somebody becomes a user, as an app says it.
package struct RegistrationRequest: Sendable {
    package var client: Client
    package var loginName: String?
    package var loginNameRule: LoginNameRule
    package var password: String
    package var passwordRules: PasswordRules
    package var email: String?
    /// In international form.
    package var number: String?
    package var displayName: String?
    package var country: String?
    package var locale: String?
    package var properties: [AccountProperty] = []
    /// Whether e-mail addresses and numbers wait until they are proved.
    package var verifiesEmail = false
    package var verifiesNumber = false
    /// What messages are written in, best first.
    package var locales: [String] = []

    package init(
        client: Client, loginName: String?, loginNameRule: LoginNameRule, password: String,
        passwordRules: PasswordRules
    ) {
        self.client = client
        self.loginName = loginName
        self.loginNameRule = loginNameRule
        self.password = password
        self.passwordRules = passwordRules
    }
}

extension AccountFlow {
    /// Makes an account, with the sign-in that may come with it. Numbers and addresses that have to be proved get
    /// their code; when that cannot be sent, the account is there all the same, and asks again.
    package func register(
        _ request: RegistrationRequest, signIn: NewSignIn?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> AccountProfile {
        let checked = try check(request, at: now)
        if request.verifiesNumber, let number = request.number {
            do throws(PhoneLoginError) {
                _ = try await phone.number(number, client: request.client, from: origin, at: now)
            } catch {
                throw AccountError(error)
            }
        }
        // Counted before it costs anything: a hash is a tenth of a second.
        let charge = LimitCharge(.registerPerIP, settings.registerPerIP, subject: origin.address ?? "")
        try await count([charge].compactMap(\.self), as: .registrationRefused, client: request.client, origin, at: now)
        let encoded = try await hash(request.password)
        let account = NewAccount(
            id: AccountID(entropy.uuid()), client: request.client.id, loginName: checked.name,
            number: checked.phone.map { phone in
                let identity = PhoneIdentity(number: phone.e164, client: request.client, at: now)
                return GivenAddress(
                    key: identity.rawValue, text: phone.e164, isToBeProved: request.verifiesNumber)
            },
            email: checked.email.map {
                GivenAddress(key: $0.key.rawValue, text: $0.text, isToBeProved: request.verifiesEmail)
            },
            password: encoded, displayName: request.displayName, country: request.country, locale: request.locale,
            properties: request.properties)
        switch try await act({ try await store.register(account, signIn: signIn, from: origin, at: now) }) {
        case .taken(let field): throw .taken(field)
        case .registered(let profile):
            await sendFirstCodes(to: checked, of: profile.id, request, from: origin, at: now)
            return profile
        }
    }

    /// Whether a registration by this name would pass. It tells whether the name is taken, as a registration does,
    /// and counts like one.
    package func checkAvailable(
        _ name: String, by rule: LoginNameRule, properties: [AccountProperty], client: Client,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let checked = try rule.check(name)
        try check(properties)
        let charge = LimitCharge(.registerPerIP, settings.registerPerIP, subject: origin.address ?? "")
        try await count([charge].compactMap(\.self), as: .registrationRefused, client: client, origin, at: now)
        if try await profile(.loginName(checked.key)) != nil { throw .taken(.loginName) }
    }

    private struct Checked {
        var name: (text: String, key: FoldedText)?
        var phone: PhoneNumber?
        var email: EmailAddress?
    }

    private func check(_ request: RegistrationRequest, at now: Timestamp) throws(AccountError) -> Checked {
        var checked = Checked()
        if let name = request.loginName { checked.name = try request.loginNameRule.check(name) }
        if let email = request.email {
            guard let address = EmailAddress(email) else { throw .invalid(.email, .invalid) }
            checked.email = address
        }
        if let number = request.number { checked.phone = try Self.number(number) }
        try check(
            request.password, by: request.passwordRules,
            names: [request.loginName, request.email, request.number].compactMap(\.self))
        try check(displayName: request.displayName, country: request.country, locale: request.locale)
        try check(request.properties)
        return checked
    }

    private func sendFirstCodes(
        to checked: Checked, of account: AccountID, _ request: RegistrationRequest, from origin: RequestOrigin,
        at now: Timestamp
    ) async {
        if request.verifiesNumber, let phone = checked.phone {
            let text = AccountText(
                account: account, client: request.client, phone: phone, purpose: .number(begunIn: nil),
                locales: request.locales, webOTPDomain: request.client.webOTPDomain)
            _ = try? await self.phone.start(text, from: origin, at: now)
        }
        if request.verifiesEmail, let email = checked.email {
            try? await sendCode(
                to: .id(account), address: email, purpose: .address(begunIn: nil), client: request.client,
                locales: request.locales, from: origin, at: now)
        }
    }

    // MARK: - Rules

    /// A number in international form; whether texts go there is asked when one has to.
    static func number(_ text: String) throws(AccountError) -> PhoneNumber {
        do { return try PhoneNumber(e164Input: text) } catch { throw .invalid(.number, .invalid) }
    }

    package func check(_ password: String, by rules: PasswordRules, names: [String]) throws(AccountError) {
        do throws(PasswordRules.Failure) { try rules.check(password, names: names) } catch {
            switch error {
            case .tooShort: throw .invalid(.password, .tooShort)
            case .tooLong: throw .invalid(.password, .tooLong)
            case .whiteSpace: throw .invalid(.password, .invalid)
            case .common: throw .invalid(.password, .common)
            }
        }
    }

    func check(displayName: String?, country: String?, locale: String?) throws(AccountError) {
        if let displayName {
            guard displayName.unicodeScalars.count <= 100 else { throw .invalid(.displayName, .tooLong) }
            guard !displayName.unicodeScalars.contains(where: Self.isControl) else {
                throw .invalid(.displayName, .invalid)
            }
        }
        if let country {
            guard country.utf8.count == 2, country.utf8.allSatisfy((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains)
            else { throw .invalid(.country, .invalid) }
        }
        if let locale {
            guard (1...35).contains(locale.utf8.count),
                locale.utf8.allSatisfy({
                    $0 == 0x2D || $0 == 0x5F || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
                })
            else { throw .invalid(.locale, .invalid) }
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    func check(_ properties: [AccountProperty]) throws(AccountError) {
        var room = AccountProperty.totalLimit
        for property in properties {
            room -= property.size
            guard room >= 0, properties.count <= AccountProperty.countLimit else {
                throw .invalid(.property(property.name), .tooLarge)
            }
        }
    }
}
