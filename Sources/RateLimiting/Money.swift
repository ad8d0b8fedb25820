/// An amount in millionths of whatever currency the operator's prices are in: a text to some countries costs less
/// than a cent.
package struct Money: Sendable, Hashable, Comparable {
    package let millionths: Int64

    package init(millionths: Int64) { self.millionths = millionths }

    /// `12`, `0.0079`: not negative, at most six decimals, below ten billion.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let isDigits = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
        }
        guard parts.count <= 2, isDigits, parts[0].utf8.count <= 10, parts.count < 2 || parts[1].utf8.count <= 6,
            let whole = Int64(parts[0])
        else { return nil }
        let decimals = parts.count == 2 ? String(parts[1]) : ""
        let fraction = Int64(decimals + String(repeating: "0", count: 6 - decimals.utf8.count)) ?? 0
        millionths = whole * 1_000_000 + fraction
    }

    package static func < (lhs: Money, rhs: Money) -> Bool { lhs.millionths < rhs.millionths }

    package static func * (price: Money, count: Int) -> Money { Money(millionths: price.millionths * Int64(count)) }

    package func percent(_ percent: Int) -> Money { Money(millionths: millionths / 100 * Int64(percent)) }

    package static let zero = Money(millionths: 0)
}

extension Money: CustomStringConvertible {
    /// At least two decimals: `50.00`, `0.0079`.
    package var description: String {
        var decimals = String(millionths % 1_000_000 + 1_000_000).dropFirst()
        while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(millionths / 1_000_000).\(decimals)"
    }
}
