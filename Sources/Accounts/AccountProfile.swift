package import Time

/// What an account tells about its holder.
package struct AccountProfile: Sendable, Equatable {
    package let id: AccountID
    /// E.164; proved by a code.
    package let phoneNumber: String?
    /// The number is a client's test number: whoever really holds it proved nothing.
    package let isTest: Bool
    package let createdAt: Timestamp

    package init(id: AccountID, phoneNumber: String?, isTest: Bool = false, createdAt: Timestamp) {
        self.id = id
        self.phoneNumber = phoneNumber
        self.isTest = isTest
        self.createdAt = createdAt
    }
}
