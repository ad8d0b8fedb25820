import Foundation

/// What the server says of itself (RFC 8414).
struct Metadata: Sendable, Decodable {
    let issuer: String
    let authorizationEndpoint: URL
    let tokenEndpoint: URL
    let revocationEndpoint: URL
    let userinfoEndpoint: URL
    let phoneLoginRequestEndpoint: URL?
    let phoneLoginConfirmEndpoint: URL?
    let authorizationChallengeEndpoint: URL?
    let dpopSigningAlgValuesSupported: [String]?

    var supportsDPoP: Bool { dpopSigningAlgValuesSupported?.contains("ES256") == true }

    /// The well-known name stands between host and path (§3.1).
    static func address(of issuer: URL) -> URL {
        var components = URLComponents(url: issuer, resolvingAgainstBaseURL: true)
        let path = components?.path ?? ""
        components?.path = "/.well-known/oauth-authorization-server" + (path == "/" ? "" : path)
        return components?.url ?? issuer
    }
}
