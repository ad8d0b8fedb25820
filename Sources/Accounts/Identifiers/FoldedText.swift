import CICU

/// A name as names are compared: after NFKC_Casefold (Unicode Standard §3.13), which makes full-width letters,
/// ligatures and capitals one with their plain forms and drops what is invisible.
///
/// Two names that look alike to a person shall not be two accounts.
package struct FoldedText: Hashable, Sendable {
    package let rawValue: String

    /// `nil` when nothing is left, or the result is longer than 1,024 UTF-16 units.
    package init?(_ text: String) {
        let units = Array(text.utf16.prefix(1025))
        guard units.count <= 1024 else { return nil }
        var folded = [UInt16](repeating: 0, count: 1024)
        let count = unsafe denwa_nfkc_casefold(units, Int32(units.count), &folded, Int32(folded.count))
        guard count > 0 else { return nil }
        rawValue = String(decoding: folded[..<Int(count)], as: UTF16.self)
    }

    /// For rows read back from the store.
    package init(stored rawValue: String) { self.rawValue = rawValue }
}
