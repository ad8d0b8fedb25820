/// Who is signed in: the `sub` of every token. Never reused, so a new account for an old number is somebody
/// else to every app.
package struct AccountID: Hashable, Sendable {
    /// A UUID in lower case (RFC 9562).
    package let rawValue: String

    package init(_ rawValue: String) { self.rawValue = rawValue }
}

package struct Account: Sendable, Equatable {
    package let id: AccountID
    package let isDisabled: Bool

    package init(id: AccountID, isDisabled: Bool) {
        self.id = id
        self.isDisabled = isDisabled
    }
}
