/// Why a file cannot be read at all. Names columns, never a value: the first line of a file without a header is
/// somebody's data.
package enum UserFileError: Error, Sendable, Equatable {
    /// Not there, a folder, or no permission.
    case unreadable
    case empty
    /// UTF-16, as spreadsheets write "Unicode text".
    case notUTF8
    case arrayOfObjects
    /// No column of the first line is known: there is no header, or it is another kind of file.
    case noHeader
    case headerTooLong
    case malformedHeader
    case unknownColumns([String])
    case repeatedColumns([String])
    /// There is no way to sign in, or to be found again, by the columns there are.
    case noIdentifier
    case badCountry
    /// A place to go on from that is not the end of a record of this file.
    case wrongPosition
}

extension UserFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable: "The file cannot be read."
        case .empty: "The file is empty."
        case .notUTF8: "The file is not UTF-8. A spreadsheet can save it as \"CSV UTF-8\"."
        case .arrayOfObjects: "The file is one JSON array. Write one object a line, without commas between them."
        case .noHeader: "The first line names no column that is known. Known are \(Self.known)."
        case .headerTooLong: "The first line is too long for a header."
        case .malformedHeader: "The first line is not CSV: a quote is out of place, or lines end in CR alone."
        case .unknownColumns(let names): "Unknown columns: \(names.joined(separator: ", ")). Known are \(Self.known)."
        case .repeatedColumns(let names): "Columns for the same thing: \(names.joined(separator: ", "))."
        case .noIdentifier: "One of the columns phone_number, login_name and email is needed."
        case .badCountry: "The country must be two letters, such as JP."
        case .wrongPosition: "The file is not the one that was begun: no line ends at that place."
        }
    }

    private static let known = UserField.allCases.map(\.rawValue).joined(separator: ", ") + " and properties.<name>"
}

/// What is wrong with one record: a field and the reason each, never the value.
package struct UserRecordProblems: Error, Sendable, Equatable {
    package let texts: [String]

    package init(_ texts: [String]) { self.texts = texts }
}
