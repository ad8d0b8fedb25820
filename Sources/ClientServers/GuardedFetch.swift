/// What a client's server answered, whole and short.
package struct ClientServerReply: Sendable {
    package let body: [UInt8]
    /// The directives of `Cache-Control`, in lower case.
    package let cacheControl: [String]
}

/// The way to clients' own servers, whose URLs are strangers' words.
///
/// The host is looked up here, every address of it is checked, and the connection goes to a checked address: a name
/// that changes its mind between the check and the connection (DNS rebinding) changes nothing. TLS still proves the
/// name. Redirects are not followed, nothing is unpacked, size and time are bounded.
package struct GuardedFetch: Sendable {
    private let rules: AddressRules
    private let resolver: any HostResolver
    private let places = FetchPlaces()

    package static let longestDocument = 16 * 1024
    package static let mostSeconds = 5

    package init(_ rules: AddressRules, resolver: any HostResolver = SystemResolver()) {
        self.rules = rules
        self.resolver = resolver
    }

    /// Gets a JSON document.
    ///
    /// - Parameters:
    ///   - onUsualPort: refuses other ports than 443, but in allowed networks.
    ///   - seconds: for all of it: looking up, connecting, head and body.
    package func json(
        _ text: String, onUsualPort: Bool = false, atMost bytes: Int = longestDocument,
        within seconds: Int = mostSeconds
    ) async throws(ClientServerFailure) -> ClientServerReply {
        guard let url = ClientServerURL(text) else { throw .unusableURL }
        guard places.enter(url.host) else { throw .busy }
        defer { places.leave(url.host) }
        let request = PinnedRequest(
            url: url, method: "GET", headers: [("Accept", "application/json")], body: [], longestReply: bytes)
        let reply = try await send(request, checking: .guarded(onUsualPort: onUsualPort), within: seconds)
        guard reply.status == 200 else { throw .status(reply.status) }
        let type = reply.mediaType
        guard type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) else {
            throw .wrongContentType
        }
        return ClientServerReply(body: reply.body, cacheControl: reply.cacheControl)
    }

    /// Tells a client's server something.
    ///
    /// - Parameters:
    ///   - form: encoded as `application/x-www-form-urlencoded` already.
    ///   - isGuarded: false only for a URL that the operator wrote, who may mean a server of their own network.
    /// - Returns: the status, whatever it is.
    package func post(
        _ text: String, form: String, isGuarded: Bool = true, within seconds: Int = mostSeconds
    ) async throws(ClientServerFailure) -> Int {
        guard let url = ClientServerURL(text) else { throw .unusableURL }
        let request = PinnedRequest(
            url: url, method: "POST", headers: [("Content-Type", "application/x-www-form-urlencoded")],
            body: Array(form.utf8), longestReply: Self.longestDocument)
        let guarding = isGuarded ? Guarding.guarded(onUsualPort: false) : .unguarded
        return try await send(request, checking: guarding, within: seconds).status
    }

    private enum Guarding {
        case guarded(onUsualPort: Bool)
        case unguarded
    }

    private func send(
        _ request: PinnedRequest, checking guarding: Guarding, within seconds: Int
    ) async throws(ClientServerFailure) -> PinnedReply {
        let result = await withTaskGroup(of: Result<PinnedReply, ClientServerFailure>.self) { group in
            group.addTask {
                do throws(ClientServerFailure) {
                    return .success(try await exchange(request, checking: guarding))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return .failure(.timeout)
            }
            let first = await group.next() ?? .failure(.connection)
            group.cancelAll()
            return first
        }
        return try result.get()
    }

    private func exchange(
        _ request: PinnedRequest, checking guarding: Guarding
    ) async throws(ClientServerFailure) -> PinnedReply {
        let url = request.url
        let addresses = if let address = url.address { [address] } else { await resolver.addresses(of: url.host) }
        guard !addresses.isEmpty else { throw .unknownHost }
        if case .guarded(let onUsualPort) = guarding {
            try rules.check(addresses, of: url, onUsualPort: onUsualPort)
        }
        // The second is for hosts with addresses of both kinds, where one kind does not work.
        for address in addresses.prefix(2) {
            do throws(ClientServerFailure) { return try await request.send(to: address) } catch {
                guard error == .connection else { throw error }
            }
        }
        throw .connection
    }
}
