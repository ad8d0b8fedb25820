/// A valid number in E.164, the only spelling that is stored or compared.
///
/// Two numbers are equal when their E.164 spellings are: region and line type are what today's metadata says
/// of a number, and an update of the metadata must not split an account in two.
package struct PhoneNumber: Sendable {
    /// '+', country code, national number: "+819012345678".
    package let e164: String

    /// ISO 3166-1 alpha-2 ("JP"); "001" for codes that belong to no country (+800, +870 …).
    package let region: String

    /// Known from the one full check. Decides whether a text message can arrive at all.
    package let lineType: LineType

    /// A row read back from the database. Nothing is checked: it was, before it was written.
    package init(trusted e164: String, region: String, lineType: LineType) {
        self.e164 = e164
        self.region = region
        self.lineType = lineType
    }
}

extension PhoneNumber: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.e164 == rhs.e164 }

    package func hash(into hasher: inout Hasher) { hasher.combine(e164) }
}

/// A number that ends up in a log by accident (interpolated, dumped, inside another value) comes out masked.
extension PhoneNumber: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { masked }
    package var debugDescription: String { masked }
    package var customMirror: Mirror { Mirror(self, children: ["masked": masked], displayStyle: .struct) }
}
