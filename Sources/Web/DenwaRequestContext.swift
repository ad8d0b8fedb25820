package import Hummingbird
import NIOCore

/// What travels with a request: Hummingbird's own context and the peer's address.
package struct DenwaRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let peer: SocketAddress?

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress
    }
}
