/// What the domain may know of the request it serves: its id for the log, and whom to count it against.
package struct RequestOrigin: Sendable, Equatable {
    package let requestID: String
    /// The peer's address, IPv6 cut to its /64: one household or one attacker is one counter. `nil` when there
    /// is no peer.
    package let address: String?

    package init(requestID: String, address: String?) {
        self.requestID = requestID
        self.address = address
    }

    /// Somebody at the command line.
    package static let `operator` = RequestOrigin(requestID: "command-line", address: nil)
}
