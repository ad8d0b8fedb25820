import AccountManagement
import Accounts
import HTTPTypes
import Hummingbird
import JOSE
import OAuth

extension KiiEndpoints {
    private var rules: PasswordRules { PasswordRules(minimumLength: accounts.settings.minimumPasswordLength) }

    @Sendable func changePassword(_ kii: KiiRequest) async throws(KiiError) -> Response {
        guard case .user = kii.caller else { throw .unauthorized }
        let profile = try await account(kii)
        let body = try await body(kii)
        let (old, new) = (try body.optional("oldPassword"), try body.required("newPassword"))
        try await act(kii.context, password: "newPassword") { () throws(AccountError) in
            try await accounts.changePassword(
                of: profile.id, from: old, to: new, rules: rules, ending: .all, client: kii.client, from: kii.origin,
                at: kii.now)
        }
        return .empty(.noContent)
    }

    /// `SMS` with a PIN is what the SDKs ask for; `EMAIL` gets a PIN too, since links in mails sign nobody in here.
    @Sendable func requestReset(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let body = try await body(kii)
        let kind: AddressKind
        switch try body.required("notificationMethod") {
        case "SMS": kind = .phone
        case "EMAIL": kind = .email
        default: throw .invalid("notificationMethod", "It must be SMS or EMAIL.")
        }
        if let method = try body.optional("smsResetMethod"), method != "PIN" {
            throw .invalid("smsResetMethod", "It must be PIN.")
        }
        let account = try await whom(kii)
        try await act(kii.context) { () throws(AccountError) in
            try await accounts.requestReset(
                of: account, by: kind, client: kii.client, locales: locales(kii), from: kii.origin, at: kii.now)
        }
        return .empty(.noContent)
    }

    @Sendable func completeReset(_ kii: KiiRequest) async throws(KiiError) -> Response {
        let body = try await body(kii)
        let (pin, new) = (try body.required("pinCode"), try body.required("newPassword"))
        let account = try await whom(kii)
        try await act(kii.context, password: "newPassword") { () throws(AccountError) in
            try await accounts.completeReset(
                of: account, code: pin, to: new, rules: rules, client: kii.client, locales: locales(kii),
                from: kii.origin, at: kii.now)
        }
        return .empty(.noContent)
    }

    /// Somebody who forgot their password is a stranger; with a token, they are who they are.
    private func whom(_ kii: KiiRequest) async throws(KiiError) -> LoginIdentifier {
        if case .app = kii.caller { return try named(kii) }
        return .id(try await account(kii).id)
    }
}
