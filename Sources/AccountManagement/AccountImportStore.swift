package import Accounts
package import Cryptography
package import Time

/// A user from elsewhere, checked as far as one can without looking at the users there are.
package struct ImportRow: Sendable {
    /// Of the whole row: the same row is imported once.
    package let digest: SHA256Digest
    package let id: AccountID
    /// E.164.
    package let number: AccountAddress?
    package let loginName: (text: String, key: FoldedText)?
    package let email: (address: EmailAddress, isProven: Bool)?
    /// Encoded.
    package let password: String?
    package let displayName: String?
    package let country: String?
    package let locale: String?
    package let createdAt: Timestamp
    package let isDisabled: Bool
    package let properties: [AccountProperty]

    package init(
        digest: SHA256Digest, id: AccountID, number: AccountAddress?, loginName: (text: String, key: FoldedText)?,
        email: (address: EmailAddress, isProven: Bool)?, password: String?, displayName: String?, country: String?,
        locale: String?, createdAt: Timestamp, isDisabled: Bool, properties: [AccountProperty]
    ) {
        self.digest = digest
        self.id = id
        self.number = number
        self.loginName = loginName
        self.email = email
        self.password = password
        self.displayName = displayName
        self.country = country
        self.locale = locale
        self.createdAt = createdAt
        self.isDisabled = isDisabled
        self.properties = properties
    }
}

package enum ImportOutcome: Sendable, Equatable {
    case imported
    /// This very row came in before.
    case alreadyThere
    /// Somebody else has it; the field is the file's name for it.
    case duplicate(field: String)
}

/// Accounts by the thousand.
package protocol AccountImportStore: Sendable {
    /// Takes rows in, in one transaction; each is decided by itself.
    func importAccounts(_ rows: [ImportRow], at now: Timestamp) async throws -> [ImportOutcome]

    /// What `importAccounts` would say, without doing it.
    func wouldImport(_ rows: [ImportRow]) async throws -> [ImportOutcome]

    /// Accounts in the order of their ids, after one of them.
    func accounts(after id: AccountID?, atMost count: Int) async throws -> [ExportedAccount]
}

/// Everything of an account that another server can take in.
package struct ExportedAccount: Sendable {
    package let profile: AccountProfile
    package let properties: [AccountProperty]
    /// Encoded.
    package let password: String?

    package init(profile: AccountProfile, properties: [AccountProperty], password: String?) {
        self.profile = profile
        self.properties = properties
        self.password = password
    }
}
