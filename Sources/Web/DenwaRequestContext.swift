import Cryptography
package import Hummingbird
import Logging
import NIOCore
import NIOSSL

/// What travels with a request: Hummingbird's own context and the peer's address.
package struct DenwaRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let peer: SocketAddress?
    private let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        peer = channel.remoteAddress
    }

    /// The certificate in DER that the client showed when TLS ends here.
    func peerCertificate() async -> [UInt8]? {
        guard let certificate = try? await channel.nioSSL_peerCertificate().get() else { return nil }
        return try? certificate.toDERBytes()
    }

    /// A part of the path, decoded; empty for what cannot be.
    func pathParameter(_ name: String) -> String {
        parameters.get(name).flatMap { PercentEncoding.decode($0) } ?? ""
    }

    /// The id that the process log and the developer log share. (`id` of Hummingbird's own contexts stops the
    /// process when a log handler keeps no metadata.)
    var requestID: String { logger[metadataKey: "hb.request.id"]?.description ?? "unknown" }
}
