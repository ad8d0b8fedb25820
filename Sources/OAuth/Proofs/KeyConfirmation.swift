package import JOSE

/// The key that a token is bound to (RFC 7800 §3): a thief of the token alone can do nothing with it.
package enum KeyConfirmation: Sendable, Hashable {
    /// RFC 9449 §6.1: SHA-256 of the public key's required members (RFC 7638), base64url.
    case jwkThumbprint(String)
    /// RFC 8705 §3.1: SHA-256 of the client's TLS certificate in DER, base64url.
    case certificateThumbprint(String)

    private static let jwkMember = "jkt"
    private static let certificateMember = "x5t#S256"

    /// The `cnf` claim.
    package var claim: JSONValue {
        switch self {
        case .jwkThumbprint(let thumbprint): [Self.jwkMember: .string(thumbprint)]
        case .certificateThumbprint(let thumbprint): [Self.certificateMember: .string(thumbprint)]
        }
    }

    init?(claim: JSONValue) {
        if let thumbprint = claim[Self.jwkMember]?.string {
            self = .jwkThumbprint(thumbprint)
        } else if let thumbprint = claim[Self.certificateMember]?.string {
            self = .certificateThumbprint(thumbprint)
        } else {
            return nil
        }
    }

    var isProvenByDPoP: Bool {
        if case .jwkThumbprint = self { return true }
        return false
    }

    /// As it is stored: the member's name, a colon, the thumbprint.
    package var text: String {
        switch self {
        case .jwkThumbprint(let thumbprint): "\(Self.jwkMember):\(thumbprint)"
        case .certificateThumbprint(let thumbprint): "\(Self.certificateMember):\(thumbprint)"
        }
    }

    package init?(text: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case Self.jwkMember[...]: self = .jwkThumbprint(String(parts[1]))
        case Self.certificateMember[...]: self = .certificateThumbprint(String(parts[1]))
        default: return nil
        }
    }
}

/// How the access token goes to a resource (RFC 6749 §7.1).
package enum TokenType: String, Sendable {
    case bearer = "Bearer"
    case dpop = "DPoP"
}

extension KeyConfirmation? {
    /// A certificate-bound token still travels as a bearer token (RFC 8705 §3).
    package var tokenType: TokenType { self?.isProvenByDPoP == true ? .dpop : .bearer }
}
