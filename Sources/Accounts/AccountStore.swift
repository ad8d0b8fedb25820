package import Time

/// The acts on accounts that an operator has; each is one transaction.
package protocol AccountStore: Sendable {
    func account(_ reference: LoginIdentifier) async throws -> Account?

    /// A disabled account signs in nowhere, and none of its tokens is active from this moment. `nil` when there
    /// is no such account.
    func setDisabled(_ isDisabled: Bool, _ reference: LoginIdentifier, at now: Timestamp) async throws -> Account?
}
