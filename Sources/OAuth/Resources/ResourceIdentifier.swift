/// Where a token is to be used (RFC 8707 §2): an absolute URI without a fragment, compared byte for byte.
package struct ResourceIdentifier: Hashable, Sendable {
    package let uri: String

    package init?(_ uri: String) {
        guard !uri.contains("#"), RedirectURI(uri) != nil else { return nil }
        self.uri = uri
    }
}

/// The resources that a grant is for, in the order they were named; empty when none was.
package struct Resources: Hashable, Sendable {
    package let identifiers: [ResourceIdentifier]

    package static let none = Resources([])

    package init(_ identifiers: [ResourceIdentifier]) {
        self.identifiers = identifiers
    }

    package var isEmpty: Bool { identifiers.isEmpty }

    /// As it is stored. A URI holds no space.
    package var text: String { identifiers.map(\.uri).joined(separator: " ") }

    package init(text: String) {
        identifiers = text.split(separator: " ").compactMap { ResourceIdentifier(String($0)) }
    }

    package func contains(_ identifier: ResourceIdentifier) -> Bool { identifiers.contains(identifier) }
}

extension Resources {
    private static let mostAtOnce = 10

    /// The `resource` parameters of a request: the one parameter that may be repeated. Each must be registered
    /// for the client.
    package init(_ form: FormParameters, for client: Client) throws(OAuthError) {
        try self.init(form, among: client.resources)
    }

    init(_ form: FormParameters, among registered: Resources) throws(OAuthError) {
        var identifiers: [ResourceIdentifier] = []
        for value in form.values("resource") {
            guard let identifier = ResourceIdentifier(value), registered.contains(identifier) else {
                throw OAuthError(.invalidTarget, "resource is not registered for this client")
            }
            if !identifiers.contains(identifier) { identifiers.append(identifier) }
        }
        guard identifiers.count <= Self.mostAtOnce else {
            throw OAuthError(.invalidTarget, "too many resources in one request")
        }
        self.identifiers = identifiers
    }

    /// Whom a token is for: exactly one, so that no resource server can use its callers' tokens elsewhere
    /// (RFC 8707 §2.2, RFC 9700 §2.3).
    ///
    /// - Parameters:
    ///   - requested: what the token request names; it is registered for the client.
    ///   - client: whose registration of today counts, whatever was granted once.
    /// - Returns: `nil` for the client's usual audience.
    package func target(
        _ requested: ResourceIdentifier?, for client: Client
    ) throws(OAuthError) -> ResourceIdentifier? {
        if let requested {
            guard isEmpty || contains(requested) else {
                throw OAuthError(.invalidTarget, "resource is not among those that were granted")
            }
            return requested
        }
        guard identifiers.count <= 1 else {
            throw OAuthError(.invalidTarget, "several resources were granted: name one of them")
        }
        guard let only = identifiers.first else { return nil }
        guard client.resources.contains(only) else {
            throw OAuthError(.invalidTarget, "the resource is no longer registered for this client")
        }
        return only
    }
}
