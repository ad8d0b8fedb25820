/// Why a text is not a number. Carries nothing of the text: errors are logged.
package enum PhoneNumberError: Error, Sendable, Equatable, CaseIterable {
    /// Not readable as one telephone number.
    case malformed
    /// Readable, but no numbering plan has such a number.
    case invalid
}
