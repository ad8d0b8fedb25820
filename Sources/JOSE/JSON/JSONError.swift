/// Why bytes are not one acceptable JSON text. Holds a place, never the text.
package struct JSONError: Error, Hashable, Sendable {
    package enum Reason: String, Sendable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "a character that cannot stand here"
        case trailingBytes = "something follows the value"
        case tooDeep = "nested too deeply"
        /// RFC 7515 §4 and RFC 7519 §4: two parsers may disagree on which one counts.
        case duplicateName = "a member name is there twice"
        case invalidUTF8 = "not UTF-8"
        case loneSurrogate = "half of a surrogate pair"
        case numberOutOfRange = "a number too large"
    }

    package let reason: Reason
    /// Bytes from the start.
    package let offset: Int

    package init(reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}
