import Cryptography
import JOSE
import Time

/// What an authorization request came in, when it was not a plain query: what only its client could have made stays
/// as its client made it, through every page of the sign-in.
struct RequestEnvelope: Sendable {
    /// The client sent it itself (RFC 9126).
    let isPushed: Bool
    /// The client signed it (RFC 9101).
    let isSigned: Bool
    /// It yields one code at most. `nil` while it is being pushed: nobody's browser has asked for it yet.
    let once: OneTimeIdentifier?
    /// From then on its pages begin anew.
    let expiresAt: Timestamp
    /// The browser still stands at the address that the client sent it to.
    var isNew = true
    let seal: AuthorizationRequestSeal

    /// The request as a query that nobody can change: sealed, so the browser's history shows nothing of it either.
    func query(_ parameters: [(name: String, value: String)], client: ClientID) -> String {
        let uri = seal.requestURI(parameters, of: self)
        return "client_id=\(PercentEncoding.encode(client.rawValue))&request_uri=\(PercentEncoding.encode(uri))"
    }
}

/// Makes and opens the addresses under which a pushed or signed request goes from page to page.
package struct AuthorizationRequestSeal: Sendable {
    /// A request that was taken stays good for so long: people have to find their phones.
    static let lifetimeSeconds = 3600
    private static let prefix = "urn:denwa:request:"

    private let key: SealingKey
    private let nonceKey: [UInt8]

    package init(secret: [UInt8]) {
        key = SealingKey(secret: secret, purpose: "authorization request")
        nonceKey = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa authorization request nonce", length: 32)
    }

    /// One request has one address, so that pages can be compared by it: the nonce comes from the content.
    func requestURI(_ parameters: [(name: String, value: String)], of envelope: RequestEnvelope) -> String {
        var document: JSONObject = [
            "parameters": FormParameters(pairs: parameters).json, "pushed": .bool(envelope.isPushed),
            "signed": .bool(envelope.isSigned), "expires": .integer(envelope.expiresAt.milliseconds),
        ]
        document["once"] = envelope.once?.json
        let plaintext = JSONValue.object(document).serialized()
        let nonce = HMAC.sha256(plaintext, key: nonceKey)
        let sealed = key.seal(plaintext, bindingTo: [], entropy: Entropy { count in Array(nonce.prefix(count)) })
        return Self.prefix + Base64URL.encode(sealed)
    }

    /// `nil` for what was not made here.
    func open(_ requestURI: String) -> (form: FormParameters, envelope: RequestEnvelope)? {
        guard requestURI.hasPrefix(Self.prefix),
            let sealed = Base64URL.decode(requestURI.dropFirst(Self.prefix.count)),
            let plaintext = try? key.open(sealed, bindingTo: []), let document = try? JSONValue(parsing: plaintext),
            let isPushed = document["pushed"]?.bool, let isSigned = document["signed"]?.bool,
            let once = document["once"].flatMap(OneTimeIdentifier.init(json:)),
            let expires = document["expires"]?.integer, let parameters = document["parameters"]
        else { return nil }
        let envelope = RequestEnvelope(
            isPushed: isPushed, isSigned: isSigned, once: once, expiresAt: Timestamp(milliseconds: expires),
            isNew: false, seal: self)
        return (FormParameters(json: parameters), envelope)
    }
}

// What is sealed is read back by this server alone.

extension FormParameters {
    var json: JSONValue { .array(pairs.map { .array([.string($0.name), .string($0.value)]) }) }

    init(json: JSONValue) {
        self.init(
            pairs: (json.array ?? []).compactMap { pair in
                guard let name = pair.array?.first?.string, let value = pair.array?.last?.string else { return nil }
                return (name, value)
            })
    }
}

extension OneTimeIdentifier {
    var json: JSONValue {
        ["digest": .string(Hex.encode(digest.bytes)), "expires": .integer(expiresAt.milliseconds)]
    }

    init?(json: JSONValue) {
        guard let digest = json["digest"]?.string.flatMap({ Hex.decode($0) }).flatMap({ SHA256Digest(bytes: $0) }),
            let expires = json["expires"]?.integer
        else { return nil }
        self.init(digest: digest, expiresAt: Timestamp(milliseconds: expires))
    }
}
