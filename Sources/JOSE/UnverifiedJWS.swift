import Cryptography

/// A compact JWS taken apart, its signature not yet checked.
///
/// For choosing the key where a `kid` alone cannot: a client assertion names its client in the payload
/// (RFC 7523 §3), a DPoP proof brings its own key (RFC 9449 §4.2). Believe nothing of it for any other end.
package struct UnverifiedJWS: Sendable {
    package let header: JSONObject
    package let payload: [UInt8]
    package let algorithm: String
    package let kid: String?
    let signature: [UInt8]
    /// The first two parts as they came, with the dot between them (RFC 7515 §5.2 step 8).
    package let signingInput: [UInt8]

    package init(_ compact: String) throws(JOSEError) {
        guard compact.utf8.count <= JWS.sizeLimit else { throw .oversized }
        let bytes = Array(compact.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(utf8: parts[0]),
            let payload = Base64URL.decode(utf8: parts[1]), let signature = Base64URL.decode(utf8: parts[2])
        else { throw .malformed }
        self.header = try Self.header(header)
        self.payload = payload
        self.signature = signature
        self.signingInput = Array(bytes[..<parts[1].endIndex])
        guard let algorithm = self.header["alg"]?.string else { throw .malformed }
        self.algorithm = algorithm
        self.kid = try Self.text("kid", in: self.header)
    }

    private static func header(_ bytes: [UInt8]) throws(JOSEError) -> JSONObject {
        guard let header = (try? JSONValue(parsing: bytes))?.object else { throw .malformed }
        // We implement no extension, so every `crit` names one we do not understand.
        guard header["crit"] == nil else { throw .unsupportedCriticalHeader }
        if let encoded = header["b64"], encoded != true { throw .unencodedPayload }
        return header
    }

    private static func text(_ name: String, in header: JSONObject) throws(JOSEError) -> String? {
        guard let member = header[name] else { return nil }
        guard let text = member.string else { throw .malformed }
        return text
    }

    /// Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9).
    package func hasType(_ expected: String) -> Bool {
        guard let type = header["typ"]?.string else { return false }
        return Self.shortType(type) == Self.shortType(expected)
    }

    private static func shortType(_ type: String) -> ArraySlice<UInt8> {
        // Only ASCII has case in a media type; Unicode's rules would make a `k` of the Kelvin sign.
        let bytes = type.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        let prefix = Array("application/".utf8)
        guard bytes.starts(with: prefix) else { return bytes[...] }
        let short = bytes.dropFirst(prefix.count)
        // `application/a/b` is no media type; shortening it would make two types of one.
        return short.contains(UInt8(ascii: "/")) ? bytes[...] : short
    }
}
