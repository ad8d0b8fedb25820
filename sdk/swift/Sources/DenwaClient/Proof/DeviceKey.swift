import Foundation

/// A P-256 key of this device, which tokens are bound to.
protocol DeviceKey: Sendable {
    /// A new one.
    static func generate() throws -> Self
    /// What ``SecretStorage`` keeps. On devices with a Secure Enclave it opens nothing anywhere else.
    var representation: Data { get }
    init(representation: Data) throws
    /// x ‖ y, 64 bytes.
    var publicPoint: Data { get throws }
    /// r ‖ s, 64 bytes, over SHA-256 of the message: ES256 (RFC 7518 §3.4).
    func signature(for message: Data) throws -> Data
}

extension DeviceKey {
    /// The public key as a JWK. Its members are in the order of RFC 7638 §3, so the thumbprint is its digest.
    var publicJWK: String {
        get throws {
            let point = try publicPoint
            return """
                {"crv":"P-256","kty":"EC","x":"\(point.prefix(32).base64URL)","y":"\(point.suffix(32).base64URL)"}
                """
        }
    }

    /// What the server knows the key by (RFC 7638).
    var thumbprint: String {
        get throws { Digest.sha256(Data(try publicJWK.utf8)).base64URL }
    }
}
