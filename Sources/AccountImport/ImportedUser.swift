package import PhoneNumbers
package import Time

/// One user as a file tells of them: every value well-formed, none yet compared with the users there are.
package struct ImportedUser: Sendable, Equatable {
    /// The UUID to keep, in lower case; nil for a new one.
    package var id: String?
    package var phoneNumber: PhoneNumber?
    /// True unless the file says otherwise: whoever moves here proved their numbers elsewhere.
    package var phoneVerified = true
    /// As written: the folding that makes names unique is the account's business.
    package var loginName: String?
    package var email: String?
    package var emailVerified = false
    /// As given, printable ASCII: which schemes are known is checked where they are.
    package var passwordHash: String?
    package var displayName: String?
    /// Two capital letters.
    package var country: String?
    /// A language tag with hyphens.
    package var locale: String?
    package var createdAt: Timestamp?
    package var disabled = false
    /// In the file's order, each name once.
    package var properties: [ImportedProperty] = []

    package init() {}
}

/// A field of an app's own.
package struct ImportedProperty: Sendable, Equatable {
    package let name: String
    /// One JSON text, compact.
    package let json: String

    package init(name: String, json: String) {
        self.name = name
        self.json = json
    }
}

/// Prints as nothing: all of it is somebody's.
extension ImportedUser: CustomStringConvertible, CustomReflectable {
    package var description: String { "ImportedUser" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension ImportedProperty: CustomStringConvertible, CustomReflectable {
    package var description: String { "ImportedProperty" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
