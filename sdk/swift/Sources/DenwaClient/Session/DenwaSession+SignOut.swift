import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension DenwaSession {
    /// Ends this login: the tokens are forgotten at once, and then revoked (RFC 7009).
    ///
    /// Throws when the server could not be told; this device is signed out all the same.
    ///
    /// - Parameter everywhere: ends every login of the person, on all devices and at all apps. Then the server is
    ///   asked first, and nothing is forgotten when it cannot be.
    public func signOut(everywhere: Bool = false) async throws(DenwaError) {
        if everywhere { try await endEveryLogin() }
        let held = try vault.tokens()
        try hold(nil)
        guard !everywhere, let held else { return }
        // The refresh token takes the whole login along.
        let form: Form = ["client_id": configuration.clientID, "token": held.refreshToken ?? held.accessToken]
        let reply = try await connection.send(.post(form, to: try await metadata().revocationEndpoint))
        guard reply.isSuccess else { throw reply.refusal() }
    }

    private func endEveryLogin() async throws(DenwaError) {
        let address = configuration.issuer.appendingPathComponent("oauth2/logout").adding(["sessions": "all"])
        let reply = try await send(.post(Form(), to: address), with: try await freshTokens())
        guard reply.isSuccess else { throw reply.refusal() }
    }
}
