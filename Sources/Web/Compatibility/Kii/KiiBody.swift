import AccountManagement
import Accounts
import JOSE

/// A JSON body of the Kii interface.
struct KiiBody {
    /// The custom fields may take 500 KB, with the rest around them.
    static let limit = 600 * 1024

    let members: JSONObject

    init(_ members: JSONObject) { self.members = members }

    /// `null` counts as absent.
    func optional(_ name: String) throws(KiiError) -> String? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let text = value.string else { throw .invalid(name, "The field must be a text.") }
        return text
    }

    func required(_ name: String) throws(KiiError) -> String {
        guard let text = try optional(name), !text.isEmpty else { throw .invalid(name, "The field is missing.") }
        return text
    }

    func flag(_ name: String) throws(KiiError) -> Bool {
        guard let flag = members[name]?.bool else { throw .invalid(name, "The field must be true or false.") }
        return flag
    }

    /// What is not the server's own: set, and taken away by `null`.
    func customFields() throws(KiiError) -> (set: [AccountProperty], removed: [String]) {
        var set: [AccountProperty] = []
        var removed: [String] = []
        for member in members.members where !Self.own.contains(member.name) {
            guard !member.name.hasPrefix("_") else {
                throw .invalid(member.name, "Fields that begin with _ belong to the server.")
            }
            guard (1...128).contains(member.name.utf8.count), member.name.utf8.allSatisfy({ $0 >= 0x20 }) else {
                throw .invalid(nil, "A field's name is empty, too long, or has control characters.")
            }
            if member.value.isNull {
                removed.append(member.name)
            } else {
                set.append(AccountProperty(name: member.name, value: member.value))
            }
        }
        guard removed.count <= AccountProperty.countLimit else { throw .invalid(nil, "There are too many fields.") }
        return (set, removed)
    }

    /// The fields with a meaning; those that only the server sets are ignored when an app sends them back.
    private static let own: Set<String> = [
        "userID", "internalUserID", "loginName", "displayName", "country", "locale", "emailAddress", "phoneNumber",
        "emailAddressVerified", "phoneNumberVerified", "password", "createdAt", "modifiedAt",
        "_emailAddressPending", "_phoneNumberPending", "_hasPassword", "_disabled",
    ]
}
