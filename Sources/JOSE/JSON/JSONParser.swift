extension JSONValue {
    /// How deep arrays and objects may nest: each level is a stack frame a stranger can ask for.
    package static let depthLimit = 64

    /// Reads exactly one JSON text, strictly by RFC 8259: UTF-8 without a byte order mark, no name twice in an
    /// object, no half surrogates, no bytes behind the value but white space.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}

/// A recursive descent over bytes. Strings are in `JSONParser+Strings`, numbers in `JSONParser+Numbers`.
struct JSONParser {
    let bytes: [UInt8]
    var position = 0
    private var depth = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value()
        skipWhiteSpace()
        guard position == bytes.count else { throw failure(.trailingBytes) }
        return value
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipWhiteSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return .object(try nested { parser throws(JSONError) in try parser.object() })
        case UInt8(ascii: "["): return .array(try nested { parser throws(JSONError) in try parser.array() })
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw failure(.unexpectedByte)
        }
    }

    private mutating func nested<Value>(
        _ body: (inout JSONParser) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        guard depth < JSONValue.depthLimit else { throw failure(.tooDeep) }
        depth += 1
        position += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func array() throws(JSONError) -> [JSONValue] {
        var values: [JSONValue] = []
        skipWhiteSpace()
        if try take(UInt8(ascii: "]")) { return values }
        while true {
            values.append(try value())
            skipWhiteSpace()
            if try take(UInt8(ascii: "]")) { return values }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func object() throws(JSONError) -> JSONObject {
        var members: [JSONObject.Member] = []
        var names = NameSet()
        skipWhiteSpace()
        if try take(UInt8(ascii: "}")) { return JSONObject() }
        while true {
            skipWhiteSpace()
            let start = position
            guard try peek() == UInt8(ascii: "\"") else { throw failure(.unexpectedByte) }
            let name = try string()
            guard names.insert(name, unlessIn: members) else { throw failure(.duplicateName, at: start) }
            skipWhiteSpace()
            try expect(UInt8(ascii: ":"))
            members.append(JSONObject.Member(name: name, value: try value()))
            skipWhiteSpace()
            if try take(UInt8(ascii: "}")) { return JSONObject(uniqueMembers: members) }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func literal(
        _ text: StaticString, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        for offset in 0..<text.utf8CodeUnitCount {
            try expect(unsafe text.utf8Start[offset])
        }
        return value
    }
}

extension JSONParser {
    mutating func skipWhiteSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    func peek() throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw failure(.unexpectedEnd) }
        return bytes[position]
    }

    /// Steps over `byte` if it is next.
    mutating func take(_ byte: UInt8) throws(JSONError) -> Bool {
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard try take(byte) else { throw failure(.unexpectedByte) }
    }

    func failure(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
        JSONError(reason: reason, offset: offset ?? position)
    }
}
