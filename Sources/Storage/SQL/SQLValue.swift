package import Accounts
package import Cryptography
package import OAuth
package import PhoneLogin
package import Time

/// What both engines can hold: epoch milliseconds and counts as BIGINT, identifiers as TEXT, digests and sealed
/// things as BLOB or BYTEA.
package enum SQLValue: Sendable, Equatable {
    /// PostgreSQL wants to know of what type a parameter is that has no value; of a column nobody asks (`nil`).
    case null(of: SQLType?)
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

package enum SQLType: Sendable, Equatable {
    case integer
    case text
    case blob
}

/// A type that knows its form in the database.
package protocol SQLBindable: Sendable {
    static var sqlType: SQLType { get }
    var sqlValue: SQLValue { get }
}

extension Int64: SQLBindable {
    package static var sqlType: SQLType { .integer }
    package var sqlValue: SQLValue { .integer(self) }
}

extension Int: SQLBindable {
    package static var sqlType: SQLType { .integer }
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension String: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(self) }
}

extension [UInt8]: SQLBindable {
    package static var sqlType: SQLType { .blob }
    package var sqlValue: SQLValue { .blob(self) }
}

extension Bool: SQLBindable {
    package static var sqlType: SQLType { .integer }
    package var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

extension Timestamp: SQLBindable {
    package static var sqlType: SQLType { .integer }
    package var sqlValue: SQLValue { .integer(milliseconds) }
}

extension SHA256Digest: SQLBindable {
    package static var sqlType: SQLType { .blob }
    package var sqlValue: SQLValue { .blob(bytes) }
}

extension ClientID: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension AccountID: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension PhoneIdentity: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension GrantID: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension Scope: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(text) }
}

extension CodeChallenge: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension SessionID: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension Resources: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(text) }
}

extension UserCodeDigest: SQLBindable {
    package static var sqlType: SQLType { .blob }
    package var sqlValue: SQLValue { .blob(bytes) }
}

extension KeyConfirmation: SQLBindable {
    package static var sqlType: SQLType { .text }
    package var sqlValue: SQLValue { .text(text) }
}
