package import Time

/// What an account tells about its holder.
package struct AccountProfile: Sendable, Equatable {
    package let id: AccountID
    /// E.164, or a test account's; proved by a code.
    package let phoneNumber: String?
    package let createdAt: Timestamp

    package init(id: AccountID, phoneNumber: String?, createdAt: Timestamp) {
        self.id = id
        self.phoneNumber = phoneNumber
        self.createdAt = createdAt
    }
}
