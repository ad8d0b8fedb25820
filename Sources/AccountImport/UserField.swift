/// What a column of CSV, or a member of a JSON line, holds.
enum UserColumn: Hashable, Sendable {
    case field(UserField)
    /// `properties.<name>`: a field of an app's own.
    case property(String)

    /// Nil for a name that means nothing here.
    init?(named name: String) {
        if let field = UserField(named: name) {
            self = .field(field)
        } else if name.hasPrefix(Self.propertyPrefix) {
            self = .property(String(name.dropFirst(Self.propertyPrefix.count)))
        } else {
            return nil
        }
    }

    private static let propertyPrefix = "properties."
}

/// The fields every user has. Raw values are the names that problems use.
enum UserField: String, CaseIterable, Sendable {
    case id
    case phoneNumber = "phone_number"
    case phoneVerified = "phone_verified"
    case loginName = "login_name"
    case email
    case emailVerified = "email_verified"
    case passwordHash = "password_hash"
    case displayName = "display_name"
    case country
    case locale
    case createdAt = "created_at"
    case disabled

    /// By its name here or in the programs that users come from. Capitals do not matter.
    init?(named name: String) {
        guard let field = Self.names[name] ?? Self.names[name.lowercased()] else { return nil }
        self = field
    }

    private static let names: [String: UserField] = {
        var names: [String: UserField] = [
            "phone": .phoneNumber, "username": .loginName, "user_name": .loginName, "emailaddress": .email,
            "email_address": .email, "name": .displayName,
        ]
        for field in allCases {
            names[field.rawValue] = field
            // phoneNumber, loginName, createdAt …
            names[field.rawValue.filter { $0 != "_" }] = field
        }
        return names
    }()
}
