import Cryptography
import JOSE
import Time

/// A proof that a request's sender holds a private key (RFC 9449 §4.2), checked in itself: signature, form, time.
/// Whether it was seen before is `DPoPProofCheck`'s to say.
struct DPoPProof {
    static let type = "dpop+jwt"
    /// For clocks that differ, and for how long a proof is good (§11.1).
    static let windowSeconds = 300

    /// RFC 7638, base64url.
    let thumbprint: String
    let identifier: String
    let issuedAt: Timestamp
    let nonce: String?

    /// - Parameters:
    ///   - url: of the endpoint, without query and fragment.
    ///   - accessToken: the token that the request brings, which the proof must name.
    init(
        _ text: String, method: String, url: String, accessToken: String?, at now: Timestamp
    ) throws(OAuthError) {
        let invalid = OAuthError(.invalidDPoPProof, "the DPoP proof is malformed or its signature wrong")
        guard let jwt = try? UnverifiedJWS(text), jwt.hasType(Self.type), let json = jwt.header["jwk"],
            // Private and symmetric keys are refused here: whoever sends one gives it away.
            let key = try? JSONWebKey(json: json), let verified = try? jwt.verify(type: Self.type, with: key.jwsKey),
            let claims = try? JWTClaims(parsing: verified.payload), let identifier = claims.jwtID,
            (1...256).contains(identifier.utf8.count), let issuedAt = claims.issuedAt,
            let htm = claims["htm"]?.string, let htu = claims["htu"]?.string
        else { throw invalid }
        guard claims["nonce"] == nil || claims["nonce"]?.string != nil else { throw invalid }
        guard htm.utf8.elementsEqual(method.utf8), let named = ComparableURL(htu), named == ComparableURL(url) else {
            throw OAuthError(.invalidDPoPProof, "htm or htu is not this request's method and address")
        }
        guard abs(issuedAt.milliseconds - now.milliseconds) <= Int64(Self.windowSeconds) * 1000 else {
            throw OAuthError(.invalidDPoPProof, "the DPoP proof is too old, or from the future")
        }
        if let accessToken {
            let digest = SHA256Digest(of: accessToken).base64URL
            guard claims["ath"]?.string?.utf8.elementsEqual(digest.utf8) == true else {
                throw OAuthError(.invalidDPoPProof, "ath is missing, or not the hash of this access token")
            }
        }
        thumbprint = key.thumbprint
        self.identifier = identifier
        self.issuedAt = issuedAt
        nonce = claims["nonce"]?.string
    }
}
