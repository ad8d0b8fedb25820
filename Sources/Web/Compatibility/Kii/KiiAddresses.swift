import AccountManagement
import Accounts
import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import PhoneLogin
import PhoneNumbers

extension KiiEndpoints {
    // MARK: - The number

    @Sendable func showNumber(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let profile = try await account(kii)
        guard let number = profile.number else { throw .addressNotFound }
        return .json(
            .ok,
            [
                "phoneNumber": .string(number.text),
                "verified": .bool(number.isProven || !kii.app.verifiesNumber),
            ])
    }

    /// A number or address is the way into an account, so its own user changes it and nobody else.
    @Sendable func changeNumber(_ kii: KiiRequest) async throws(KiiError) -> Response {
        guard case .user = kii.caller else { throw .unauthorized }
        let profile = try await account(kii)
        let number = try Self.number(try await body(kii).required("phoneNumber"))
        try await changeNumber(of: profile, to: number, kii)
        return .empty(.noContent)
    }

    static func number(_ text: String) throws(KiiError) -> PhoneNumber {
        guard let number = try? PhoneNumber(e164Input: text) else {
            throw .invalid("phoneNumber", "This is not a phone number.")
        }
        return number
    }

    static func email(_ text: String) throws(KiiError) -> EmailAddress {
        guard let address = EmailAddress(text) else {
            throw .invalid("emailAddress", "This is not an e-mail address.")
        }
        return address
    }

    func changeNumber(of profile: AccountProfile, to number: PhoneNumber, _ kii: KiiRequest) async throws(KiiError) {
        try await act(kii.context) { () throws(AccountError) in
            let locales = locales(kii, profile)
            guard kii.app.verifiesNumber else {
                return try await accounts.replaceNumber(
                    of: profile.id, with: number, client: kii.client, locales: locales, from: kii.origin, at: kii.now)
            }
            _ = try await accounts.startNumberChange(
                of: profile.id, to: number.e164, begunIn: anchor(kii), client: kii.client, locales: locales,
                webOTPDomain: kii.client.webOTPDomain, from: kii.origin, at: kii.now)
        }
    }

    @Sendable func verifyNumber(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let code = try await body(kii).required("verificationCode")
        let tells = kii.app.tellsCompletion
        if case .app = kii.caller {
            let account = try named(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.proveNumber(
                    quietly: account, code: code, client: kii.client, tellsCompletion: tells, locales: locales(kii),
                    from: kii.origin, at: kii.now)
            }
        } else {
            let profile = try await account(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.proveNumber(
                    of: .id(profile.id), code: code, in: anchor(kii), client: kii.client, tellsCompletion: tells,
                    locales: locales(kii, profile), from: kii.origin, at: kii.now)
            }
        }
        return .json(.ok, ["verificationStatus": "VERIFIED"])
    }

    @Sendable func resendNumber(_ kii: KiiRequest) async throws(KiiError) -> Response {
        if case .app = kii.caller {
            let account = try named(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.resendNumberCode(
                    quietly: account, client: kii.client, locales: locales(kii), from: kii.origin, at: kii.now)
            }
        } else {
            let profile = try await account(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.resendNumberCode(
                    of: .id(profile.id), client: kii.client, locales: locales(kii, profile), from: kii.origin,
                    at: kii.now)
            }
        }
        return .empty(.noContent)
    }

    // MARK: - The e-mail address

    @Sendable func showEmail(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let profile = try await account(kii)
        guard let email = profile.email else { throw .addressNotFound }
        return .json(
            .ok,
            ["emailAddress": .string(email.text), "verified": .bool(email.isProven || !kii.app.verifiesEmail)])
    }

    @Sendable func changeEmail(_ kii: KiiRequest) async throws(KiiError) -> Response {
        guard case .user = kii.caller else { throw .unauthorized }
        let profile = try await account(kii)
        let address = try Self.email(try await body(kii).required("emailAddress"))
        try await changeEmail(of: profile, to: address, kii)
        return .empty(.noContent)
    }

    func changeEmail(of profile: AccountProfile, to address: EmailAddress, _ kii: KiiRequest) async throws(KiiError) {
        try await act(kii.context) { () throws(AccountError) in
            guard kii.app.verifiesEmail else {
                return try await accounts.replaceEmail(of: profile.id, with: address, from: kii.origin, at: kii.now)
            }
            try await accounts.sendCode(
                to: .id(profile.id), address: address, purpose: .address(begunIn: anchor(kii)), client: kii.client,
                locales: locales(kii, profile), from: kii.origin, at: kii.now)
        }
    }

    @Sendable func verifyEmail(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let code = try await body(kii).required("verificationCode")
        let tells = kii.app.tellsCompletion
        if case .app = kii.caller {
            let account = try named(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.proveEmailAddress(
                    quietly: account, code: code, client: kii.client, tellsCompletion: tells, locales: locales(kii),
                    from: kii.origin, at: kii.now)
            }
        } else {
            let profile = try await account(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.proveEmailAddress(
                    of: .id(profile.id), code: code, in: anchor(kii), client: kii.client, tellsCompletion: tells,
                    locales: locales(kii, profile), from: kii.origin, at: kii.now)
            }
        }
        return .json(.ok, ["verificationStatus": "VERIFIED"])
    }

    @Sendable func resendEmail(_ kii: KiiRequest) async throws(KiiError) -> Response {
        if case .app = kii.caller {
            let account = try named(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.resendEmailCode(
                    quietly: account, client: kii.client, locales: locales(kii), from: kii.origin, at: kii.now)
            }
        } else {
            let profile = try await account(kii)
            try await act(kii.context) { () throws(AccountError) in
                try await accounts.sendCode(
                    to: .id(profile.id), address: nil, purpose: .addressAgain, client: kii.client,
                    locales: locales(kii, profile), from: kii.origin, at: kii.now)
            }
        }
        return .empty(.noContent)
    }
}
