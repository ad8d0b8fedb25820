/// Why a client's own server gave nothing. Says what kind of thing went wrong, never what was there.
package enum ClientServerFailure: Error, Sendable, Equatable {
    /// Not an https URL of the plain kind.
    case unusableURL
    case unknownHost
    /// Its host leads, or may lead, into a network that is not the public one.
    case addressNotPublic
    /// No connection, one that ended early, a certificate that is not the host's, or no HTTP.
    case connection
    case timeout
    case replyTooLong
    /// Not 200. Redirects are not followed: the checked address answers or nobody does.
    case status(Int)
    case wrongContentType
    /// More is being fetched already than this server takes on.
    case busy

    /// For the developer log.
    package var reason: StaticString {
        switch self {
        case .unusableURL: "the URL is not an https URL that can be fetched"
        case .unknownHost: "the host has no address"
        case .addressNotPublic: "the host has an address that is not public"
        case .connection: "no connection, or one that broke"
        case .timeout: "no answer in time"
        case .replyTooLong: "the answer is too long"
        case .status: "the answer is not 200"
        case .wrongContentType: "the answer is not JSON"
        case .busy: "too much is being fetched already"
        }
    }
}
