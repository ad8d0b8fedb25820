import CPostgres
import Storage

/// The object ids of the types that the store uses (`pg_type`).
enum TypeID {
    static let blob: Oid = 17
    static let integer: Oid = 20
    static let text: Oid = 25
}

extension SQLValue {
    var typeID: Oid {
        switch self {
        case .integer, .null(of: .integer): TypeID.integer
        case .blob, .null(of: .blob): TypeID.blob
        case .text, .null(of: .text), .null(of: nil): TypeID.text
        }
    }
}

/// Values in PostgreSQL's binary format, one after another.
struct BinaryParameters {
    private var bytes: [UInt8] = []
    /// Where each starts; `nil` for one without a value.
    private var starts: [Int?] = []
    private var lengths: [Int32] = []

    init(_ values: [SQLValue]) {
        starts.reserveCapacity(values.count)
        lengths.reserveCapacity(values.count)
        for value in values { append(value) }
    }

    private mutating func append(_ value: SQLValue) {
        let start = bytes.count
        switch value {
        case .null:
            starts.append(nil)
            lengths.append(0)
            return
        case .integer(let integer):
            unsafe withUnsafeBytes(of: integer.bigEndian) { unsafe bytes.append(contentsOf: $0) }
        case .text(let text): TextEscape.append(text, to: &bytes)
        case .blob(let blob): bytes.append(contentsOf: blob)
        }
        starts.append(start)
        lengths.append(Int32(bytes.count - start))
    }

    /// Calls `body` with what `PQsendQueryPrepared` takes.
    func withPointers<Result>(
        _ body: (
            _ values: UnsafePointer<UnsafePointer<CChar>?>?, _ lengths: UnsafePointer<Int32>?,
            _ formats: UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        // One byte more, so that an empty value has an address too: none would be NULL.
        let padded = bytes + [0]
        let formats = [Int32](repeating: 1, count: starts.count)
        return unsafe padded.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { buffer in
                let values: [UnsafePointer<CChar>?] = unsafe starts.map { start in
                    unsafe start.flatMap { start in unsafe buffer.baseAddress.map { unsafe $0 + start } }
                }
                return unsafe body(values, lengths, formats)
            }
        }
    }
}

/// What a command answered; freed with its last user.
@safe final class CommandResult {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe PQclear(handle) }

    var status: ExecStatusType { unsafe PQresultStatus(handle) }

    /// Five characters; empty for what happened on this side.
    var sqlState: String {
        guard let text = unsafe PQresultErrorField(handle, Int32(UInt8(ascii: "C"))) else { return "" }
        return unsafe String(cString: text)
    }

    var changedRows: Int { unsafe Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    func rows() throws -> [SQLRow] {
        let columns = unsafe PQnfields(handle)
        let types = (0..<columns).map { unsafe PQftype(handle, $0) }
        let count = unsafe PQntuples(handle)
        return try (0..<count).map { row in
            SQLRow(try (0..<columns).map { try value(row, $0, types[Int($0)]) })
        }
    }

    private func value(_ row: Int32, _ column: Int32, _ type: Oid) throws -> SQLValue {
        guard unsafe PQgetisnull(handle, row, column) == 0 else { return .null(of: nil) }
        let bytes = unsafe UnsafeRawBufferPointer(
            start: PQgetvalue(handle, row, column), count: Int(PQgetlength(handle, row, column)))
        return switch type {
        // int8, int4, int2.
        case TypeID.integer: .integer(unsafe Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        case 23: .integer(Int64(unsafe Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))))
        case 21: .integer(Int64(unsafe Int16(bigEndian: bytes.loadUnaligned(as: Int16.self))))
        case TypeID.blob: .blob(unsafe [UInt8](bytes))
        // text, varchar.
        case TypeID.text, 1043: .text(unsafe TextEscape.text(of: bytes))
        default: throw PostgresFailure.unexpectedType(type)
        }
    }
}
