import AccountManagement
import Accounts
import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import PhoneNumbers
import Time

extension LoginNameRule {
    /// What Kii's SDKs let a login name be.
    static let kii = LoginNameRule(minimumLength: 3, maximumLength: 64) { scalar in
        switch scalar {
        case "A"..."Z", "a"..."z", "0"..."9", "_", "-", ".": true
        default: false
        }
    }
}

extension KiiEndpoints {
    // MARK: - Registration

    @Sendable func register(_ kii: KiiRequest) async throws(KiiError) -> Response {
        guard case .app = kii.caller else { throw .unauthorized }
        let body = try await body(kii)
        var registration = RegistrationRequest(
            client: kii.client, loginName: try body.optional("loginName"), loginNameRule: .kii,
            password: try body.required("password"),
            passwordRules: PasswordRules(minimumLength: accounts.settings.minimumPasswordLength))
        registration.email = try body.optional("emailAddress")
        registration.number = try body.optional("phoneNumber")
        guard registration.loginName != nil || registration.email != nil || registration.number != nil else {
            throw .invalid("loginName", "One of loginName, emailAddress and phoneNumber is needed.")
        }
        registration.displayName = try body.optional("displayName")
        registration.country = try body.optional("country")
        registration.locale = try body.optional("locale")
        registration.properties = try body.customFields().set
        registration.verifiesEmail = kii.app.verifiesEmail
        registration.verifiesNumber = kii.app.verifiesNumber
        registration.locales = [registration.locale].compactMap(\.self) + locales(kii)
        let tokens =
            Self.wantsAuthorization(kii.request)
            ? accounts.kiiTokens(for: kii.client, until: nil, tokens: tokenSettings, at: kii.now) : nil
        let profile = try await act(kii.context) { [registration] () throws(AccountError) in
            try await accounts.register(registration, signIn: tokens?.signIn, from: kii.origin, at: kii.now)
        }
        var members = Self.object(profile, [], app: kii.app)
        for name in ["_hasPassword", "_disabled", "emailAddressVerified", "phoneNumberVerified"] { members[name] = nil }
        if let tokens { members["_accessToken"] = .string(tokens.access) }
        var response = Response.json(.created, .object(members))
        response.headers[.location] = "/api/apps/\(kii.client.id.rawValue)/users/\(profile.id.rawValue)"
        return response
    }

    private static func wantsAuthorization(_ request: Request) -> Bool {
        request.headers[.contentType]?.lowercased().hasPrefix(
            "application/vnd.kii.registrationandauthorizationrequest+json") == true
    }

    // MARK: - The user object

    @Sendable func show(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let profile = try await account(kii)
        let properties = try await act(kii.context) { () throws(AccountError) in
            try await accounts.properties(of: profile.id)
        }
        return .json(.ok, .object(Self.object(profile, properties, app: kii.app)))
    }

    /// An address that nobody had to prove is as good as a proven one to an app that does not verify.
    static func object(_ profile: AccountProfile, _ properties: [AccountProperty], app: KiiApp) -> JSONObject {
        var members: JSONObject = ["userID": .string(profile.id.rawValue)]
        func set(_ name: String, _ text: String?) { if let text { members[name] = .string(text) } }
        set("loginName", profile.loginName)
        set("displayName", profile.displayName)
        set("country", profile.country)
        set("locale", profile.locale)
        if let email = profile.email {
            set("emailAddress", email.text)
            members["emailAddressVerified"] = .bool(email.isProven || !app.verifiesEmail)
        }
        if let number = profile.number {
            set("phoneNumber", number.text)
            members["phoneNumberVerified"] = .bool(number.isProven || !app.verifiesNumber)
        }
        set("_emailAddressPending", profile.pendingEmail)
        set("_phoneNumberPending", profile.pendingNumber)
        members["_hasPassword"] = .bool(profile.hasPassword)
        members["_disabled"] = .bool(profile.isDisabled)
        let names = Set(members.members.map(\.name))
        let custom = properties.filter { !names.contains($0.name) }.map {
            JSONObject.Member(name: $0.name, value: $0.value)
        }
        return JSONObject(uniqueMembers: members.members + custom)
    }

    @Sendable func update(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let profile = try await account(kii)
        let body = try await body(kii)
        if body.members["password"] != nil {
            throw .invalid("password", "A password changes by PUT to the password itself.")
        }
        var update = AccountUpdate()
        if let name = try body.optional("loginName") {
            update.loginName = try await act(kii.context) { () throws(AccountError) in
                try LoginNameRule.kii.check(name)
            }
        }
        update.displayName = try body.optional("displayName")
        update.country = try body.optional("country")
        update.locale = try body.optional("locale")
        let custom = try body.customFields()
        update.properties = custom.set
        update.removedProperties = custom.removed
        let number = try body.optional("phoneNumber").map { text throws(KiiError) in try Self.number(text) }
        let email = try body.optional("emailAddress").map { text throws(KiiError) in try Self.email(text) }
        if number != nil || email != nil {
            guard case .user = kii.caller else { throw .unauthorized }
        }
        // The number comes first: when it is refused, nothing else was changed.
        if let number, number.e164 != profile.number?.text { try await changeNumber(of: profile, to: number, kii) }
        let isNewEmail = email.map { $0.text != profile.email?.text } ?? false
        if let email, isNewEmail, !kii.app.verifiesEmail {
            update.email = GivenAddress(key: email.key.rawValue, text: email.text, isToBeProved: false)
        }
        let changed = try await act(kii.context) { [update] () throws(AccountError) in
            try await accounts.update(profile.id, update, from: kii.origin, at: kii.now)
        }
        if let email, isNewEmail, kii.app.verifiesEmail { try await changeEmail(of: profile, to: email, kii) }
        return .json(.ok, ["modifiedAt": .integer(changed.updatedAt.milliseconds)])
    }

    @Sendable func delete(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let profile = try await account(kii)
        try await act(kii.context) { () throws(AccountError) in
            try await accounts.delete(profile.id, from: kii.origin, at: kii.now)
        }
        return .empty(.noContent)
    }

    // MARK: - Status

    @Sendable func showStatus(_ kii: KiiRequest) async throws(KiiError) -> Response {
        guard case .admin = kii.caller else { throw .unauthorized }
        return .json(.ok, ["disabled": .bool(try await account(kii).isDisabled)])
    }

    @Sendable func changeStatus(_ kii: KiiRequest) async throws(KiiError) -> Response {
        guard case .admin = kii.caller else { throw .unauthorized }
        let isDisabled = try await body(kii).flag("disabled")
        let profile = try await account(kii)
        try await act(kii.context) { () throws(AccountError) in
            try await accounts.setDisabled(isDisabled, profile.id, from: kii.origin, at: kii.now)
        }
        return .empty(.noContent)
    }
}
