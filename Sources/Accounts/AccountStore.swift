package import Time

/// How an operator names an account: by its id, or by the number that signs in to it.
package enum AccountReference: Sendable, Equatable {
    case id(AccountID)
    /// E.164.
    case number(String)

    package init(_ text: String) { self = text.hasPrefix("+") ? .number(text) : .id(AccountID(text)) }
}

/// The acts on accounts; each is one transaction.
package protocol AccountStore: Sendable {
    func account(_ reference: AccountReference) async throws -> Account?

    /// A disabled account signs in nowhere, and none of its tokens is active from this moment. `nil` when there
    /// is no such account.
    func setDisabled(_ isDisabled: Bool, _ reference: AccountReference, at now: Timestamp) async throws -> Account?
}
