import GRDB
import GRDBSQLite
import Storage

/// Statements on one SQLite connection, used only on that connection's thread.
///
/// Prepared statements come from GRDB's cache; binding, stepping and reading columns go to SQLite directly,
/// because they are the greater part of what a login costs.
struct SQLiteConnection: SQLConnection {
    let database: Database

    func rows(_ statement: SQLStatement) async throws -> [SQLRow] {
        var rows: [SQLRow] = []
        try unsafe step(statement) { handle in
            let count = unsafe sqlite3_column_count(handle)
            rows.append(SQLRow((0..<count).map { unsafe Self.column($0, of: handle) }))
        }
        return rows
    }

    @discardableResult
    func run(_ statement: SQLStatement) async throws -> Int {
        try unsafe step(statement) { _ in }
        return database.changesCount
    }

    /// The answer is there at once.
    func send(_ statement: SQLStatement) async throws { try await run(statement) }

    /// There is one writer, so acts never meet.
    func lock(_ key: Int64) async throws {}

    func conclude(_ statement: SQLStatement, under key: Int64) async throws { try await run(statement) }

    private func step(_ statement: SQLStatement, row: (OpaquePointer) -> Void) throws {
        let prepared: Statement
        do { prepared = try database.cachedStatement(sql: statement.text) } catch let error as DatabaseError {
            throw SQLiteFailure(code: error.extendedResultCode.rawValue)
        }
        let handle = unsafe prepared.sqliteStatement
        defer {
            unsafe sqlite3_reset(handle)
            unsafe sqlite3_clear_bindings(handle)
        }
        for (index, value) in statement.values.enumerated() {
            try check(unsafe Self.bind(value, to: handle, at: Int32(index + 1)), SQLITE_OK)
        }
        while true {
            let code = unsafe sqlite3_step(handle)
            guard code == SQLITE_ROW else {
                try check(code, SQLITE_DONE)
                return
            }
            unsafe row(handle)
        }
    }

    private func check(_ code: Int32, _ expected: Int32) throws {
        guard code == expected else { throw SQLiteFailure(code: code) }
    }

    /// SQLite copies text and blobs (`SQLITE_TRANSIENT`), so nothing here must outlive the call.
    private static func bind(_ value: SQLValue, to handle: OpaquePointer, at index: Int32) -> Int32 {
        let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: return unsafe sqlite3_bind_null(handle, index)
        case .integer(let integer): return unsafe sqlite3_bind_int64(handle, index, integer)
        case .text(var text):
            return text.withUTF8 { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) {
                    guard let start = $0.baseAddress else {
                        return unsafe sqlite3_bind_text(handle, index, "", 0, transient)
                    }
                    return unsafe sqlite3_bind_text(handle, index, start, Int32($0.count), transient)
                }
            }
        case .blob(let blob):
            return unsafe blob.withUnsafeBytes {
                guard let start = $0.baseAddress else { return unsafe sqlite3_bind_zeroblob(handle, index, 0) }
                return unsafe sqlite3_bind_blob(handle, index, start, Int32($0.count), transient)
            }
        }
    }

    private static func column(_ index: Int32, of handle: OpaquePointer) -> SQLValue {
        switch unsafe sqlite3_column_type(handle, index) {
        case SQLITE_INTEGER: return .integer(unsafe sqlite3_column_int64(handle, index))
        case SQLITE_TEXT:
            let count = Int(unsafe sqlite3_column_bytes(handle, index))
            let bytes = unsafe UnsafeBufferPointer(start: sqlite3_column_text(handle, index), count: count)
            return .text(unsafe String(decoding: bytes, as: UTF8.self))
        case SQLITE_BLOB:
            let count = Int(unsafe sqlite3_column_bytes(handle, index))
            return .blob(
                unsafe [UInt8](UnsafeRawBufferPointer(start: sqlite3_column_blob(handle, index), count: count)))
        default: return .null(of: nil)
        }
    }
}

/// A primary result code of SQLite, and nothing else: its messages quote statements, and those may quote values.
package struct SQLiteFailure: Error, Sendable, Equatable {
    package let code: Int32

    /// Disk full, locked by another process, or unreadable: may pass.
    package var isTransient: Bool {
        [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR].contains(code & 0xFF)
    }
}
