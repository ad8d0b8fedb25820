import HummingbirdTLS
import NIOSSL

/// TLS that ends here.
enum ServerTLS {
    static func configuration(_ files: ServerConfiguration.TLSFiles) throws -> TLSChannelConfiguration {
        var tls: TLSConfiguration
        do {
            tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: files.privateKey, format: .pem)))
            // Made once here, so that a key of another certificate is told now and in words.
            _ = try NIOSSLContext(configuration: tls)
        } catch {
            throw StartProblem(
                "tls.certificateFile (\(files.certificate)) and tls.privateKeyFile (\(files.privateKey)) are not a "
                    + "certificate and its key in PEM")
        }
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        // Clients may show a certificate to bind their tokens to. Who signed it does not matter: the token names the
        // certificate itself, and TLS proves that the client has its key (RFC 8705 §3).
        tls.certificateVerification = .optionalVerification
        return TLSChannelConfiguration(
            tlsConfiguration: tls, customAsyncVerificationCallback: { _ in .certificateVerified })
    }
}
