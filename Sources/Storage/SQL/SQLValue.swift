package import Accounts
package import Cryptography
package import OAuth
package import PhoneLogin
package import Time

/// What both engines can hold: epoch milliseconds and counts as BIGINT, identifiers as TEXT, digests and sealed
/// things as BLOB or BYTEA.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

/// A type that knows its form in the database.
package protocol SQLBindable: Sendable {
    var sqlValue: SQLValue { get }
}

extension Int64: SQLBindable { package var sqlValue: SQLValue { .integer(self) } }
extension Int: SQLBindable { package var sqlValue: SQLValue { .integer(Int64(self)) } }
extension String: SQLBindable { package var sqlValue: SQLValue { .text(self) } }
extension [UInt8]: SQLBindable { package var sqlValue: SQLValue { .blob(self) } }
extension Bool: SQLBindable { package var sqlValue: SQLValue { .integer(self ? 1 : 0) } }
extension Timestamp: SQLBindable { package var sqlValue: SQLValue { .integer(milliseconds) } }
extension SHA256Digest: SQLBindable { package var sqlValue: SQLValue { .blob(bytes) } }
extension ClientID: SQLBindable { package var sqlValue: SQLValue { .text(rawValue) } }
extension AccountID: SQLBindable { package var sqlValue: SQLValue { .text(rawValue) } }
extension PhoneIdentity: SQLBindable { package var sqlValue: SQLValue { .text(rawValue) } }
extension GrantID: SQLBindable { package var sqlValue: SQLValue { .text(rawValue) } }
extension Scope: SQLBindable { package var sqlValue: SQLValue { .text(text) } }
extension CodeChallenge: SQLBindable { package var sqlValue: SQLValue { .text(rawValue) } }
extension SessionID: SQLBindable { package var sqlValue: SQLValue { .text(rawValue) } }
extension Resources: SQLBindable { package var sqlValue: SQLValue { .text(text) } }
extension UserCodeDigest: SQLBindable { package var sqlValue: SQLValue { .blob(bytes) } }
extension KeyConfirmation: SQLBindable { package var sqlValue: SQLValue { .text(text) } }
