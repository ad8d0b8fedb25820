package import InternetAddresses
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Looks up a host's addresses. Behind a port, because what a stranger's name server answers is the attack that the
/// fetch is guarded against.
package protocol HostResolver: Sendable {
    /// All of them, best first; empty when there are none. Returns at once when the task is cancelled.
    func addresses(of host: String) async -> [IPAddress]
}

/// The resolver of this machine.
///
/// `getaddrinfo` blocks for as long as a name server likes and cannot be called off, so it has threads of its own, and
/// whoever gives up waiting leaves it to end by itself.
package struct SystemResolver: HostResolver {
    /// It lives as long as the process.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    private static let underWay = Atomic<Int>(0)
    /// Name servers that never answer must not pile up work.
    private static let mostUnderWay = 64

    package init() {}

    package func addresses(of host: String) async -> [IPAddress] {
        guard Self.underWay.add(1, ordering: .relaxed).newValue <= Self.mostUnderWay else {
            Self.underWay.subtract(1, ordering: .relaxed)
            return []
        }
        let lookup = Lookup()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                lookup.begin(continuation)
                Self.threads.submit { _ in
                    lookup.end(Self.lookUp(host))
                    Self.underWay.subtract(1, ordering: .relaxed)
                }
            }
        } onCancel: {
            lookup.end([])
        }
    }

    private static func lookUp(_ host: String) -> [IPAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        let first = unsafe list
        defer { unsafe freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        while let entry = unsafe list?.pointee {
            if let address = unsafe address(in: entry), !addresses.contains(address) { addresses.append(address) }
            unsafe list = entry.ai_next
        }
        return addresses
    }

    private static func address(in entry: addrinfo) -> IPAddress? {
        guard let raw = unsafe UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch unsafe entry.ai_family {
        case AF_INET:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            return IPAddress(bytes: unsafe withUnsafeBytes(of: address) { unsafe Array($0) })
        case AF_INET6:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return IPAddress(bytes: unsafe withUnsafeBytes(of: address) { unsafe Array($0) })
        default: return nil
        }
    }
}

/// One lookup, which ends with its answer or with its caller, whichever comes first.
private final class Lookup: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<[IPAddress], Never>)
        case ended
    }

    private let state = Mutex(State.new)

    func begin(_ continuation: CheckedContinuation<[IPAddress], Never>) {
        let hasEnded = state.withLock { state in
            if case .ended = state { return true }
            state = .waiting(continuation)
            return false
        }
        if hasEnded { continuation.resume(returning: []) }
    }

    func end(_ addresses: [IPAddress]) {
        let continuation = state.withLock { state -> CheckedContinuation<[IPAddress], Never>? in
            defer { state = .ended }
            guard case .waiting(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume(returning: addresses)
    }
}
