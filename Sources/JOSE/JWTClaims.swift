package import Time

/// The claims of a JWT (RFC 7519 §4), in the order they were added.
package struct JWTClaims: Sendable, Equatable {
    package var members: JSONObject

    package init(_ members: JSONObject = JSONObject()) { self.members = members }

    package subscript(name: String) -> JSONValue? {
        get { members[name] }
        set { members[name] = newValue }
    }

    /// `iss`. Nil when absent or no string; `check` refuses the latter.
    package var issuer: String? {
        get { members["iss"]?.string }
        set { members["iss"] = newValue.map(JSONValue.string) }
    }

    /// `sub`
    package var subject: String? {
        get { members["sub"]?.string }
        set { members["sub"] = newValue.map(JSONValue.string) }
    }

    /// `aud`: a string or an array on the wire; a single one is written as a string (RFC 7519 §4.1.3).
    package var audience: [String] {
        get { Self.audience(members["aud"]) ?? [] }
        set {
            switch newValue.count {
            case 0: members["aud"] = nil
            case 1: members["aud"] = newValue.first.map(JSONValue.string)
            default: members["aud"] = .array(newValue.map(JSONValue.string))
            }
        }
    }

    /// `exp`, written in whole seconds, rounded down.
    package var expiresAt: Timestamp? {
        get { Self.time(members["exp"]) }
        set { members["exp"] = newValue.map { .integer($0.seconds) } }
    }

    /// `nbf`
    package var notBefore: Timestamp? {
        get { Self.time(members["nbf"]) }
        set { members["nbf"] = newValue.map { .integer($0.seconds) } }
    }

    /// `iat`
    package var issuedAt: Timestamp? {
        get { Self.time(members["iat"]) }
        set { members["iat"] = newValue.map { .integer($0.seconds) } }
    }

    /// `jti`
    package var jwtID: String? {
        get { members["jti"]?.string }
        set { members["jti"] = newValue.map(JSONValue.string) }
    }
}

extension JWTClaims {
    /// Nil unless a string, or an array of nothing but strings.
    static func audience(_ value: JSONValue?) -> [String]? {
        if let single = value?.string { return [single] }
        guard let values = value?.array else { return nil }
        let texts = values.compactMap(\.string)
        return texts.count == values.count ? texts : nil
    }

    /// A NumericDate (RFC 7519 §2), to the nearest millisecond. Nil for other types and for dates so far away
    /// that arithmetic on them would overflow.
    static func time(_ value: JSONValue?) -> Timestamp? {
        guard let seconds = value?.number, abs(seconds) <= 1e12 else { return nil }
        if let whole = value?.integer { return Timestamp(seconds: whole) }
        return Timestamp(milliseconds: Int64((seconds * 1000).rounded()))
    }
}
