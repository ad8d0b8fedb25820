import Cryptography
package import Hummingbird
import Logging
import NIOCore

/// What travels with a request: Hummingbird's own context and the peer's address.
package struct DenwaRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let peer: SocketAddress?

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress
    }

    /// A part of the path, decoded; empty for what cannot be.
    func pathParameter(_ name: String) -> String {
        parameters.get(name).flatMap { PercentEncoding.decode($0) } ?? ""
    }

    /// The id that the process log and the developer log share. (`id` of Hummingbird's own contexts stops the
    /// process when a log handler keeps no metadata.)
    var requestID: String { logger[metadataKey: "hb.request.id"]?.description ?? "unknown" }
}
