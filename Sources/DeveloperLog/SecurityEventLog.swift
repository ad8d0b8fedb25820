package import Time

/// Events that come with no act of their own, and reading what was written.
package protocol SecurityEventLog: Sendable {
    func record(_ event: SecurityEvent) async throws
    /// At most `limit` events, in the order they were written.
    func events(matching filter: SecurityEventFilter) async throws -> [NumberedSecurityEvent]
}

package struct NumberedSecurityEvent: Sendable, Equatable {
    package let position: Int64
    package let event: SecurityEvent

    package init(position: Int64, event: SecurityEvent) {
        self.position = position
        self.event = event
    }
}

package struct SecurityEventFilter: Sendable, Equatable {
    /// Only events after this position, oldest first; `nil`: the newest there are.
    package var after: Int64?
    package var since: Timestamp?
    package var kind: String?
    package var clientID: String?
    /// A masked number as it stands in the log, or its last digits.
    package var phoneSuffix: String?
    package var requestID: String?
    package var rule: String?
    package var limit: Int = 100

    package init() {}
}
