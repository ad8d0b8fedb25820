package import DeveloperLog
package import Time

/// A request to one of the endpoints that clients call, as the domain sees it.
package struct ClientRequest: Sendable {
    package let form: FormParameters
    /// The `Authorization` header.
    package let authorization: String?
    /// Every value of the `DPoP` header (RFC 9449 §4.1).
    package let proofs: [String]
    /// Of the client's TLS certificate, when it showed one: SHA-256 of the DER form, base64url.
    package let certificateThumbprint: String?
    package let method: String
    /// The path of the endpoint: the issuer's URL comes before it.
    package let path: String
    package let origin: RequestOrigin
    package let now: Timestamp

    package init(
        form: FormParameters, authorization: String? = nil, proofs: [String] = [], certificateThumbprint: String? = nil,
        method: String = "POST", path: String, origin: RequestOrigin, now: Timestamp
    ) {
        self.form = form
        self.authorization = authorization
        self.proofs = proofs
        self.certificateThumbprint = certificateThumbprint
        self.method = method
        self.path = path
        self.origin = origin
        self.now = now
    }
}
