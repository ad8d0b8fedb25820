import AccountManagement
import Accounts
import JOSE
import Time

/// A user as JSON, with the names that `users import` reads.
enum UserDocument {
    static func json(_ profile: AccountProfile) -> JSONObject {
        var members: JSONObject = ["id": .string(profile.id.rawValue)]
        func set(_ name: String, _ text: String?) { if let text { members[name] = .string(text) } }
        if let number = profile.number {
            set("phone_number", number.text)
            members["phone_verified"] = .bool(number.isProven)
        }
        set("login_name", profile.loginName)
        if let email = profile.email {
            set("email", email.text)
            members["email_verified"] = .bool(email.isProven)
        }
        set("display_name", profile.displayName)
        set("country", profile.country)
        set("locale", profile.locale)
        set("created_at", profile.createdAt.internetDate)
        members["disabled"] = .bool(profile.isDisabled)
        return members
    }

    static func json(_ account: ExportedAccount, withPassword: Bool) -> JSONObject {
        var members = json(account.profile)
        if withPassword, let password = account.password { members["password_hash"] = .string(password) }
        if !account.properties.isEmpty {
            members["properties"] = .object(
                JSONObject(uniqueMembers: account.properties.map { .init(name: $0.name, value: $0.value) }))
        }
        return members
    }
}
