/// How far somebody has read the list of revocations.
///
/// Where one writer commits in order (SQLite), a position says it all. PostgreSQL hands out positions before the
/// commit: of two transactions the one with the higher position may be seen first, and whoever goes on from there
/// never sees the other. There the last `overlap` positions are read again each time, and what was seen is passed
/// over. Whoever begins gets some that are old, which is harmless: revoked is revoked.
struct RevocationCursor: Sendable {
    private(set) var position: Int64
    private let overlap: Int64
    /// Of the last `overlap` positions, those that were seen.
    private(set) var seen: Set<Int64> = []

    init(position: Int64, overlap: Int64) {
        self.position = position
        self.overlap = overlap
    }

    /// What comes after this has to be read again.
    var readAfter: Int64 { max(0, position - overlap) }

    /// True for the first sight of an entry.
    mutating func admits(_ entry: Revocation) -> Bool {
        guard overlap > 0 else {
            guard entry.position > position else { return false }
            position = entry.position
            return true
        }
        guard entry.position > position - overlap, seen.insert(entry.position).inserted else { return false }
        if entry.position > position {
            position = entry.position
            seen = seen.filter { $0 > position - overlap }
        }
        return true
    }
}
