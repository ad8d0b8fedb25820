import JOSE

/// A JWT by which a client proves who it is (RFC 7521 §4.2, RFC 7523 §2.2); not yet believed.
package struct ClientAssertion: Sendable {
    static let type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    let jwt: UnverifiedJWS
    /// Whom it names as its subject.
    let client: ClientID

    /// `nil` when the form brings none.
    init?(_ form: FormParameters) throws(OAuthError) {
        let type = try form.value("client_assertion_type")
        guard let text = try form.value("client_assertion") else {
            guard type == nil else { throw .invalidRequest("client_assertion is missing") }
            return nil
        }
        guard let type else { throw .invalidRequest("client_assertion_type is missing") }
        guard type == Self.type else { throw .invalidRequest("client_assertion_type is not supported") }
        guard let jwt = try? UnverifiedJWS(text), let claims = try? JWTClaims(parsing: jwt.payload),
            let subject = claims.subject
        else { throw .invalidClient }
        self.jwt = jwt
        client = ClientID(subject)
    }
}
