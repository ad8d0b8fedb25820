/// One entry of the list of what was revoked, in the order of its making.
package struct Revocation: Sendable, Equatable {
    package enum Subject: Sendable, Equatable {
        /// Every token that hangs from it is dead (claim `gid`).
        case grant(GrantID)
        /// One access token alone (claim `jti`).
        case token(String)
    }

    package let position: Int64
    package let subject: Subject

    package init(position: Int64, subject: Subject) {
        self.position = position
        self.subject = subject
    }
}

/// Which part of the list is kept.
package struct RevocationExtent: Sendable, Equatable {
    /// The first entry that is kept; the newest one always is, so both are 0 only before the first of all.
    package let oldest: Int64
    package let newest: Int64

    package init(oldest: Int64, newest: Int64) {
        self.oldest = oldest
        self.newest = newest
    }

    /// Whether everything after `position` is there. A position of the future belongs to another database, or to
    /// one that was restored from a backup.
    func reaches(backTo position: Int64) -> Bool { position >= max(0, oldest - 1) && position <= newest }
}

/// The list of what was revoked. Entries are written in the transaction of the revocation and kept for a day.
package protocol RevocationStore: Sendable {
    func revocationExtent() async throws -> RevocationExtent

    /// In the order of their positions.
    func revocations(after position: Int64, atMost count: Int) async throws -> [Revocation]
}
