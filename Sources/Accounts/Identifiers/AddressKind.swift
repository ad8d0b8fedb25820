/// How an account can be reached.
package enum AddressKind: String, Sendable, CaseIterable {
    case phone
    case email
}
