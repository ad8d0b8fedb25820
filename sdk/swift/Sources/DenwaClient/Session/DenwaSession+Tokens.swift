import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension DenwaSession {
    /// An access token that is good for a while, renewed when it has to be.
    ///
    /// For what sends requests by itself. Ask before each call instead of keeping it, and mind that a token that is
    /// bound to this device is worth nothing without proofs: ``data(for:)`` and ``authorized(_:)`` add them.
    ///
    /// - Parameter refused: a token that an API took for dead, so that another one is fetched.
    public func accessToken(refused: String? = nil) async throws(DenwaError) -> String {
        try await freshTokens(refused: refused).accessToken
    }

    /// The last ID token, when the scope has `openid`: who signed in, when and how, for the app's own server.
    public func idToken() throws(DenwaError) -> String? { try vault.tokens()?.idToken }

    func freshTokens(refused: String? = nil) async throws(DenwaError) -> Tokens {
        guard let held = try vault.tokens() else { throw .signInRequired }
        if held.accessToken != refused, held.isFresh(at: Date()) { return held }
        do throws(DenwaError) {
            return try await renewed(held)
        } catch {
            // Renewal begins early, so that the rest of the old token bridges an outage.
            let isOver = error.reason == .signInRequired && held.refreshToken != nil
            guard !isOver, held.accessToken != refused, held.isAlive(at: Date()) else { throw error }
            return held
        }
    }

    /// Trades the refresh token for new tokens (RFC 6749 §6). Called by one flight at a time.
    func renew(_ stale: Tokens) async throws(DenwaError) -> Tokens {
        guard let held = try vault.tokens() else { throw .signInRequired }
        // Done already: by the flight before, or by another process of this app.
        if held.accessToken != stale.accessToken, held.isFresh(at: Date()) { return held }
        guard let refreshToken = held.refreshToken else {
            if !held.isAlive(at: Date()) { try hold(nil) }
            throw .signInRequired
        }
        do throws(DenwaError) {
            let fresh = try await granted(by: refreshToken, earlier: held)
            // Meanwhile somebody may have signed out, or in.
            guard try vault.tokens()?.refreshToken == refreshToken else { return try takenOver() }
            try vault.keep(fresh)  // before it is used: it is all that is left of the login
            return fresh
        } catch {
            guard error.reason == .signInRequired else { throw error }
            guard try vault.tokens()?.refreshToken == refreshToken else { return try takenOver() }
            try hold(nil)
            throw error
        }
    }

    /// What is held instead of the tokens that a renewal began with.
    private func takenOver() throws(DenwaError) -> Tokens {
        guard let held = try vault.tokens(), held.isAlive(at: Date()) else { throw .signInRequired }
        return held
    }

    /// Asks again at once when the answer was lost: for a moment, the same token brings the same new one. Later, a
    /// spent token would count as stolen.
    private func granted(by refreshToken: String, earlier: Tokens) async throws(DenwaError) -> Tokens {
        let form: Form = ["grant_type": "refresh_token", "refresh_token": refreshToken]
        do throws(DenwaError) {
            return try await grant(form, earlier: earlier)
        } catch {
            guard error.reason == .unreachable else { throw error }
            return try await grant(form, earlier: earlier)
        }
    }

    /// The token endpoint (RFC 6749 §3.2).
    func grant(_ form: Form, earlier: Tokens? = nil) async throws(DenwaError) -> Tokens {
        let endpoint = try await metadata().tokenEndpoint
        let askedAt = Date()
        let reply = try await ask(.post(form.merging(["client_id": configuration.clientID]), to: endpoint))
        guard reply.isSuccess else {
            throw reply.refusal([
                "invalid_grant": earlier == nil ? .signInOver : .signInRequired,
                "insufficient_authorization": .signInRequired,  // the sign-in is too long ago for this client
            ])
        }
        return Tokens(try reply.decoded(), askedAt: askedAt, earlier: earlier)
    }
}

extension DenwaError {
    static let signInRequired = Self(.signInRequired, "nobody is signed in")
}
