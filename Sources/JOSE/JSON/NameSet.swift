/// The member names of an object being parsed.
///
/// Looks through the list while it is short, and keeps a hashed set once it is not: otherwise an object of many
/// names would cost the square of its size, which anybody may send.
struct NameSet {
    private struct Name: Hashable {
        let text: String

        static func == (lhs: Name, rhs: Name) -> Bool { lhs.text.hasSameBytes(as: rhs.text) }

        /// Strings of the same bytes hash alike, whatever else does.
        func hash(into hasher: inout Hasher) { hasher.combine(text) }
    }

    private static let listLimit = 16
    private var hashed: Set<Name> = []

    /// False when the name is there already.
    mutating func insert(_ name: String, unlessIn members: [JSONObject.Member]) -> Bool {
        guard members.count >= Self.listLimit else {
            return !members.contains { $0.name.hasSameBytes(as: name) }
        }
        if hashed.isEmpty {
            for member in members { hashed.insert(Name(text: member.name)) }
        }
        return hashed.insert(Name(text: name)).inserted
    }
}
