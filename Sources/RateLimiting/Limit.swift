/// "At most `count` in `windowSeconds`", written `<count>/<seconds>` in the configuration.
package struct Limit: Hashable, Sendable {
    package let count: Int
    package let windowSeconds: Int

    /// `nil` when either number is not positive, or the window is longer than ten years.
    package init?(count: Int, windowSeconds: Int) {
        guard (1...1_000_000_000).contains(count), (1...315_360_000).contains(windowSeconds) else { return nil }
        self.count = count
        self.windowSeconds = windowSeconds
    }

    /// The nearest limit there is, for numbers that other settings imply.
    package init(clampingCount count: Int, windowSeconds: Int) {
        self.count = min(max(1, count), 1_000_000_000)
        self.windowSeconds = min(max(1, windowSeconds), 315_360_000)
    }

    /// Parses `<count>/<seconds>`.
    package init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }),
            let count = Int(parts[0]), let seconds = Int(parts[1])
        else { return nil }
        self.init(count: count, windowSeconds: seconds)
    }
}

extension Limit: CustomStringConvertible {
    package var description: String { "\(count)/\(windowSeconds)" }
}
