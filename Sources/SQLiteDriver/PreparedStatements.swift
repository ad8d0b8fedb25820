import GRDBSQLite
import Storage

/// The statements that one connection has prepared; used only on that connection's thread.
final class PreparedStatements: @unchecked Sendable {
    /// One for each statement of the program, and for each length of its lists.
    private var kept: [SQLTemplate: PreparedStatement] = [:]

    func statement(_ statement: SQLStatement, on connection: OpaquePointer) throws -> PreparedStatement {
        guard let template = statement.template else {
            return unsafe try PreparedStatement(statement.text, isKept: false, on: connection)
        }
        if let known = kept[template] { return known }
        let new = unsafe try PreparedStatement(template.text, isKept: true, on: connection)
        kept[template] = new
        return new
    }
}

/// Finalized when nobody holds it any more.
@safe final class PreparedStatement {
    let handle: OpaquePointer

    init(_ text: String, isKept: Bool, on connection: OpaquePointer) throws {
        var handle: OpaquePointer?
        // What is kept must not fill the quick memory that running statements take and give back.
        let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        let code = unsafe sqlite3_prepare_v3(connection, text, -1, flags, &handle, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            throw SQLiteFailure(code: unsafe sqlite3_extended_errcode(connection))
        }
        unsafe self.handle = handle
    }

    deinit { unsafe sqlite3_finalize(handle) }
}
