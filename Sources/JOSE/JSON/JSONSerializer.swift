extension JSONValue {
    /// Compact UTF-8. Escapes only what RFC 8259 §7 demands: `"`, `\` and the control characters.
    package func serialized() -> [UInt8] {
        var output = [UInt8]()
        output.reserveCapacity(512)
        append(to: &output)
        return output
    }

    /// The same as text.
    package var serializedText: String { String(decoding: serialized(), as: UTF8.self) }

    /// Appends to a body under construction.
    package func append(to output: inout [UInt8]) {
        switch self {
        case .null: output.append("null")
        case .bool(let value): output.append(value ? "true" : "false")
        case .integer(let value): output.append(decimal: value)
        // "null" is also what ECMAScript writes for numbers that JSON does not have.
        case .number(let value) where !value.isFinite: output.append("null")
        case .number(let value): output.append(contentsOf: value.description.utf8)
        case .numeral(let text): output.append(contentsOf: text.utf8)
        case .string(let value): output.append(quoted: value)
        case .array(let values):
            output.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                value.append(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object): object.append(to: &output)
        }
    }
}

extension JSONObject {
    package func serialized() -> [UInt8] {
        var output = [UInt8]()
        output.reserveCapacity(512)
        append(to: &output)
        return output
    }

    package func append(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(quoted: member.name)
            output.append(UInt8(ascii: ":"))
            member.value.append(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    fileprivate mutating func append(decimal value: Int64) {
        guard value < 0 || value > 9 else { return append(UInt8(ascii: "0") + UInt8(value)) }
        append(contentsOf: String(value).utf8)
    }

    /// Copies runs that need no escape in one piece: nearly every string is one run.
    fileprivate mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            for index in bytes.indices {
                let byte = unsafe bytes[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                unsafe append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
                append(escaped: byte)
                start = index + 1
            }
            unsafe append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaped byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append(#"\""#)
        case UInt8(ascii: "\\"): append(#"\\"#)
        case 0x0A: append(#"\n"#)
        case 0x0D: append(#"\r"#)
        case 0x09: append(#"\t"#)
        default:
            append(#"\u00"#)
            append(UInt8(ascii: "0") + byte >> 4)
            let low = byte & 15
            append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }
}
