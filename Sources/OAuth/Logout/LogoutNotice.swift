package import Accounts
package import Time

/// Word to one client that a session is over, on its way (OpenID Connect Back-Channel Logout §2).
package struct LogoutNotice: Hashable, Sendable {
    package let session: SessionID
    package let client: ClientID
    /// Who was signed in.
    package let account: AccountID
    package let queuedAt: Timestamp
    /// How often it was claimed, this time included. It fences off whoever claimed before.
    package let attempt: Int

    package init(session: SessionID, client: ClientID, account: AccountID, queuedAt: Timestamp, attempt: Int) {
        self.session = session
        self.client = client
        self.account = account
        self.queuedAt = queuedAt
        self.attempt = attempt
    }
}

/// What became of a claimed notice.
package enum LogoutNoticeOutcome: Sendable, Equatable {
    case delivered
    /// The client is gone, or does not want to hear of it any more.
    case unwanted
    case retry(at: Timestamp)
    /// The client said no, or nobody took it for an hour. The developer log gets `status`, the last answer.
    case failed(Failure, status: Int?)

    package enum Failure: Sendable, Equatable {
        case refused
        case unreachable
    }
}

/// The durable queue of logout notices. A notice enters it in the transaction that ends the session.
package protocol LogoutNoticeStore: Sendable {
    /// Takes notices that are due, so that nobody else sends them before `leaseEnd`; those whose holder died come
    /// back after it.
    ///
    /// - Parameter clients: are not asked for more just now.
    func claimLogoutNotices(
        atMost count: Int, butFor clients: Set<ClientID>, leaseUntil leaseEnd: Timestamp, at now: Timestamp
    ) async throws -> [LogoutNotice]

    /// Whoever lost the lease meanwhile changes nothing.
    func record(_ outcome: LogoutNoticeOutcome, of notice: LogoutNotice, at now: Timestamp) async throws
}
