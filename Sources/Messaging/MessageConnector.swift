/// Why a connector could not hand a text over.
package enum DeliveryError: Error, Sendable, Equatable {
    /// Permanent: the number or the text is not acceptable to the provider.
    case refused
    /// For now: nobody is there, or the place to write to is not writable.
    case unreachable
}

/// The way to one provider. Returning means *accepted by the provider*, not *read by the person*.
///
/// Called again for the same message after a crash, so a text may be repeated but is never lost.
package protocol MessageConnector: Sendable {
    func deliver(_ message: TextMessage) async throws(DeliveryError)
}
