package import Time

/// A number or e-mail address of an account.
package struct AccountAddress: Sendable, Equatable {
    /// E.164, or an e-mail address as it was written.
    package let text: String
    /// Somebody typed in what was sent there. Otherwise an app took the holder's word for it.
    package let isProven: Bool

    package init(_ text: String, isProven: Bool) {
        self.text = text
        self.isProven = isProven
    }
}

/// What an account tells about its holder.
package struct AccountProfile: Sendable, Equatable {
    package let id: AccountID
    package var number: AccountAddress?
    /// Given, but not proved yet.
    package var pendingNumber: String?
    /// When the last code for it was asked for.
    package var pendingNumberSince: Timestamp?
    /// The number is a client's test number: whoever really holds it proved nothing.
    package var isTest = false
    package var email: AccountAddress?
    package var pendingEmail: String?
    package var pendingEmailSince: Timestamp?
    package var loginName: String?
    package var displayName: String?
    /// ISO 3166-1 alpha-2.
    package var country: String?
    /// BCP 47.
    package var locale: String?
    package var hasPassword = false
    package var isDisabled = false
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    package init(id: AccountID, createdAt: Timestamp) {
        self.id = id
        self.createdAt = createdAt
        updatedAt = createdAt
    }

    package var provenEmail: String? { email.flatMap { $0.isProven ? $0.text : nil } }

    /// E.164, when it is proved.
    package var phoneNumber: String? { number.flatMap { $0.isProven ? $0.text : nil } }
}

extension AccountProfile {
    /// Whether an identifier is this account's own, proved, claimed or waiting.
    package func isReached(by identifier: LoginIdentifier) -> Bool {
        switch identifier {
        case .id(let id): id == self.id
        case .loginName(let name): loginName.flatMap { FoldedText($0) } == name
        case .number(let number): number == self.number?.text || number == pendingNumber
        case .email(let email), .nameOrEmail(let email):
            [self.email?.text, pendingEmail].compactMap(\.self).contains { FoldedText($0) == email }
        }
    }
}
