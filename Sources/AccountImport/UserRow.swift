import PhoneNumbers

/// One user under construction: takes the fields of a record as they come, and keeps what is wrong with them.
struct UserRow {
    private var user = ImportedUser()
    /// Waits for the country, which may stand behind it.
    private var writtenNumber: String?
    private var problems: [String] = []
    private var propertyBytes = 0

    /// Bytes of all properties together, names included; what an account can hold.
    static let propertiesLimit = 500 * 1024
    /// A record may have thousands of bad properties: the first ones tell enough.
    private static let problemLimit = 20

    mutating func refuse(_ field: String, _ reason: String) {
        if problems.count < Self.problemLimit { problems.append("\(field): \(reason)") }
    }

    mutating func refuse(_ field: UserField, _ reason: String) { refuse(field.rawValue, reason) }

    /// A field written as text. Empty is absent, as CSV knows no difference.
    mutating func take(_ field: UserField, _ text: String) {
        let text = field == .displayName ? text : text.trimmed
        guard !text.isEmpty else { return }
        switch field {
        case .id: take(\.id, field, UserText.uuid(text), else: "not a UUID")
        case .phoneNumber: writtenNumber = text
        case .phoneVerified: take(field, UserText.flag(text))
        case .loginName: take(\.loginName, field, UserText.loginName(text), else: UserText.loginNameRule)
        case .email: take(\.email, field, UserText.email(text), else: "not an e-mail address")
        case .emailVerified: take(field, UserText.flag(text))
        case .passwordHash: take(\.passwordHash, field, UserText.passwordHash(text), else: UserText.passwordHashRule)
        case .displayName: take(\.displayName, field, UserText.displayName(text), else: UserText.displayNameRule)
        case .country: take(\.country, field, UserText.country(text), else: "not two letters")
        case .locale: take(\.locale, field, UserText.locale(text), else: "not a language tag")
        case .createdAt: take(\.createdAt, field, UserText.moment(text), else: UserText.momentRule)
        case .disabled: take(field, UserText.flag(text))
        }
    }

    /// One of the fields that are true or false; nil when it was written as neither.
    mutating func take(_ field: UserField, _ flag: Bool?) {
        guard let flag else { return refuse(field, "neither true nor false") }
        switch field {
        case .phoneVerified: user.phoneVerified = flag
        case .emailVerified: user.emailVerified = flag
        case .disabled: user.disabled = flag
        default: refuse(field, "must be text")
        }
    }

    /// Unix seconds or milliseconds.
    mutating func take(createdAt number: Int64) {
        take(\.createdAt, .createdAt, UserText.moment(number), else: UserText.momentRule)
    }

    private mutating func take<Value>(
        _ path: WritableKeyPath<ImportedUser, Value?>, _ field: UserField, _ value: Value?, else reason: String
    ) {
        if let value { user[keyPath: path] = value } else { refuse(field, reason) }
    }

    /// A property whose JSON is compact already.
    mutating func take(property name: String, json: String) {
        guard Self.isPropertyName(name) else { return refuse("properties", Self.propertyNameRule) }
        propertyBytes += name.utf8.count + json.utf8.count
        user.properties.append(ImportedProperty(name: name, json: json))
    }

    static let propertyNameRule = "a name is empty, longer than 128 bytes, or begins with _, which is the server's"

    static func isPropertyName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: "_") && !UserText.hasControls(name)
    }

    /// The user, if nothing is wrong. National numbers are numbers of the row's own country, or of `country`.
    mutating func finish(country: String?) -> Result<ImportedUser, UserRecordProblems> {
        if let writtenNumber { take(number: writtenNumber, country: user.country ?? country) }
        if propertyBytes > Self.propertiesLimit { refuse("properties", "larger than 500 KB together") }
        // Who lost the number they had is still somebody, with an id that apps know.
        if problems.isEmpty, user.id == nil, user.phoneNumber == nil, user.loginName == nil, user.email == nil {
            problems.append("one of phone_number, login_name and email is needed, or an id")
        }
        return problems.isEmpty ? .success(user) : .failure(UserRecordProblems(problems))
    }

    private mutating func take(number text: String, country: String?) {
        do throws(PhoneNumberError) {
            if let number = try? PhoneNumber(e164Input: text) {
                user.phoneNumber = number
            } else if text.unicodeScalars.contains(where: { $0 == "+" || $0 == "\u{FF0B}" }) {
                user.phoneNumber = try PhoneNumber(parsing: text)
            } else if let country {
                user.phoneNumber = try PhoneNumber(parsing: text, region: country)
            } else {
                refuse(.phoneNumber, "in national form, and neither the row nor the command names a country")
            }
        } catch {
            switch error {
            case .malformed: refuse(.phoneNumber, "not readable as a telephone number")
            case .invalid: refuse(.phoneNumber, "no numbering plan has such a number")
            }
        }
    }
}
