import Time

/// Takes authorization requests in whichever form they come: as parameters, as a reference to what was pushed
/// (RFC 9126), signed (RFC 9101), or sealed by an earlier page.
package struct AuthorizationRequestReader: Sendable {
    private let registry: ClientRegistry
    private let issuer: Issuer
    private let hints: IDTokenHints
    private let objects: RequestObjectCheck
    private let pushed: PushedRequests
    private let seal: AuthorizationRequestSeal

    package init(
        registry: ClientRegistry, issuer: Issuer, hints: IDTokenHints, objects: RequestObjectCheck,
        pushed: PushedRequests, seal: AuthorizationRequestSeal
    ) {
        self.registry = registry
        self.issuer = issuer
        self.hints = hints
        self.objects = objects
        self.pushed = pushed
        self.seal = seal
    }

    func read(_ form: FormParameters, at now: Timestamp) async throws(AuthorizationFailure) -> AuthorizationRequest {
        let client = try await AuthorizationRequest.client(of: form, registry, at: now)
        let resolved: (form: FormParameters, envelope: RequestEnvelope?)
        do throws(OAuthError) { resolved = try await resolve(form, client: client, at: now) } catch {
            // Nothing of a request that cannot be trusted says where an answer would go.
            throw .shown(error, client: client)
        }
        return try check(resolved.form, resolved.envelope, client: client, at: now)
    }

    /// A request that its client sends itself: `form` was authenticated as this client's.
    func readPushed(
        _ form: FormParameters, of client: Client, at now: Timestamp
    ) async throws(OAuthError) -> AuthorizationRequest {
        guard try form.value("request_uri") == nil else { throw .invalidRequest("request_uri cannot be pushed") }
        var inner = form
        var object: OneTimeIdentifier?
        if let text = try form.value("request") {
            let signed = try await objects.read(text, of: client, at: now)
            (inner, object) = (signed.form, signed.once)
        }
        do throws(AuthorizationFailure) {
            return try check(
                inner, envelope(isPushed: true, isSigned: object != nil, once: object, at: now), client: client,
                at: now)
        } catch {
            throw error.error
        }
    }

    private func check(
        _ form: FormParameters, _ envelope: RequestEnvelope?, client: Client, at now: Timestamp
    ) throws(AuthorizationFailure) -> AuthorizationRequest {
        try AuthorizationRequest(
            checking: form, in: envelope, of: client, issuer: issuer, hints: hints, at: now)
    }

    private func resolve(
        _ form: FormParameters, client: Client, at now: Timestamp
    ) async throws(OAuthError) -> (form: FormParameters, envelope: RequestEnvelope?) {
        let (uri, object) = (try form.value("request_uri"), try form.value("request"))
        guard uri == nil || object == nil else { throw .invalidRequest("request and request_uri exclude each other") }
        if let object {
            let signed = try await objects.read(object, of: client, at: now)
            return (signed.form, envelope(isPushed: false, isSigned: true, once: signed.once, at: now))
        }
        guard let uri else { return (form, nil) }
        if uri.hasPrefix(PushedRequest.prefix) { return try await take(uri, of: client, at: now) }
        if let (inner, envelope) = seal.open(uri) {
            guard now < envelope.expiresAt, inner.isOf(client) else { throw Self.unknownRequest }
            return (inner, envelope)
        }
        throw OAuthError(.requestURINotSupported, "request_uri must be one that was pushed here")
    }

    private func take(
        _ uri: String, of client: Client, at now: Timestamp
    ) async throws(OAuthError) -> (form: FormParameters, envelope: RequestEnvelope?) {
        guard let taken = try await pushed.take(uri, of: client.id, at: now) else { throw Self.unknownRequest }
        let once = taken.object ?? OneTimeIdentifier(digest: taken.digest, expiresAt: Self.end(at: now))
        return (taken.form, envelope(isPushed: true, isSigned: taken.object != nil, once: once, at: now))
    }

    private static let unknownRequest = OAuthError(
        .invalidRequestURI, "the pushed request is unknown, expired or already used")

    private static func end(at now: Timestamp) -> Timestamp {
        now.adding(seconds: AuthorizationRequestSeal.lifetimeSeconds)
    }

    private func envelope(
        isPushed: Bool, isSigned: Bool, once: OneTimeIdentifier? = nil, at now: Timestamp
    ) -> RequestEnvelope {
        RequestEnvelope(
            isPushed: isPushed, isSigned: isSigned,
            once: once, expiresAt: Self.end(at: now), seal: seal)
    }
}

extension FormParameters {
    fileprivate func isOf(_ client: Client) -> Bool {
        guard let id = try? optional("client_id") else { return false }
        return id.utf8.elementsEqual(client.id.rawValue.utf8)
    }
}
