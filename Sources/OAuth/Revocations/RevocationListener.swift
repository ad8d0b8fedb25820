/// One who listens to the feed, until it lets go of this or is cut off.
package struct RevocationListener: Sendable {
    /// Where a listener begins.
    package struct Opening: Sendable, Equatable {
        /// What comes first comes after this.
        package let position: Int64
        /// Set when entries between `position` and this one may be lost: whatever the listener remembers of tokens is
        /// worth nothing.
        package let reset: Int64?

        init(after given: String?, in extent: RevocationExtent) {
            guard let given else {
                position = extent.newest
                reset = nil
                return
            }
            let known = Int64(given)
            position = known ?? 0
            reset = known.map(extent.reaches(backTo:)) == true ? nil : extent.newest
        }
    }

    package let opening: Opening
    private let overlap: Int64
    private let news: AsyncStream<[Revocation]>
    private let cutOff: AsyncStream<Never>
    private let revocations: @Sendable (_ after: Int64) async throws -> [Revocation]

    init(
        opening: Opening, overlap: Int64, news: AsyncStream<[Revocation]>, cutOff: AsyncStream<Never>,
        revocations: @escaping @Sendable (_ after: Int64) async throws -> [Revocation]
    ) {
        self.opening = opening
        self.overlap = overlap
        self.news = news
        self.cutOff = cutOff
        self.revocations = revocations
    }

    /// Returns when the feed has let go of this listener, which did not keep up.
    package func waitForCutOff() async { for await _ in cutOff {} }

    /// Hands over every entry since the opening once, and an empty list now and then, when all is quiet. Returns when
    /// the feed ends or the task is cancelled.
    package func follow(_ hand: ([Revocation]) async throws -> Void) async throws {
        var cursor = RevocationCursor(position: opening.reset ?? opening.position, overlap: overlap)
        // The feed fills the buffer meanwhile, so that there is no gap between what was and what comes.
        var after = cursor.readAfter
        while true {
            let page = try await revocations(after)
            guard let last = page.last else { break }
            after = last.position
            let new = page.filter { cursor.admits($0) }
            if !new.isEmpty { try await hand(new) }
        }
        for await entries in news {
            let new = entries.filter { cursor.admits($0) }
            if !new.isEmpty || entries.isEmpty { try await hand(new) }
        }
    }
}
