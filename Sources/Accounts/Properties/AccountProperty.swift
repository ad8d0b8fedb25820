package import JOSE

/// A value of an app's own, kept with an account.
package struct AccountProperty: Sendable, Equatable {
    package let name: String
    package let value: JSONValue

    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }

    /// What it counts for: its name and its value as JSON, in bytes.
    package var size: Int { name.utf8.count + value.serialized().count }

    /// All properties of one account together, in bytes.
    package static let totalLimit = 500 * 1024
    /// How many names one account has: each is a row.
    package static let countLimit = 5000
}
