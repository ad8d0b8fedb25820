import Cryptography
import HTTPTypes
import NIOSSL

/// Where the TLS certificate of a client is found: in the connection, when TLS ends here, or in a header of a trusted
/// proxy (`http.clientCertificateHeader`).
package struct ClientCertificates: Sendable {
    /// Nobody's word is taken.
    package static let none = ClientCertificates(header: nil)

    private let header: HTTPField.Name?
    /// Whether TLS ends here.
    package var areShownHere = false
    package var areSeen: Bool { areShownHere || header != nil }

    /// `nil` for what cannot name a header.
    package init?(headerName: String) {
        guard let name = HTTPField.Name(headerName) else { return nil }
        header = name
    }

    private init(header: HTTPField.Name?) { self.header = header }

    /// The certificate in DER.
    func certificate(in headers: HTTPFields) -> [UInt8]? {
        guard let header else { return nil }
        let values = headers[values: header]
        guard values.count == 1, let value = values.first else { return nil }
        guard let der = Self.byteSequence(value) ?? Self.escapedPEM(value) else { return nil }
        // What a proxy cut off would bind tokens to nothing that anybody could show again.
        guard let certificate = try? NIOSSLCertificate(bytes: der, format: .der),
            (try? certificate.toDERBytes()) == der
        else { return nil }
        return der
    }

    /// RFC 9440 §2.1: a Structured Fields byte sequence.
    private static func byteSequence(_ value: String) -> [UInt8]? {
        guard value.utf8.count > 2, value.hasPrefix(":"), value.hasSuffix(":") else { return nil }
        return Base64.decode(value.dropFirst().dropLast())
    }

    /// Percent-encoded PEM, as nginx writes it (`$ssl_client_escaped_cert`).
    private static func escapedPEM(_ value: String) -> [UInt8]? {
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
        guard let pem = PercentEncoding.decode(value), let first = pem.firstRange(of: begin),
            let last = pem.firstRange(of: end), first.upperBound < last.lowerBound
        else { return nil }
        return Base64.decode(String(pem[first.upperBound..<last.lowerBound].filter { !$0.isWhitespace }))
    }
}
