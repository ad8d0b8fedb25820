public import Foundation

#if canImport(FoundationNetworking)
    public import FoundationNetworking
#endif

extension DenwaSession {
    /// Sends a request to an API in the name of whoever is signed in.
    ///
    /// Renews the access token when it has to be, and once more when the API answers 401. Answers of the API are
    /// returned whatever their status. A body must be in `httpBody`, since it may be sent twice.
    ///
    /// - Throws: ``DenwaError/Reason-swift.struct/signInRequired`` when nobody is signed in, or the login has ended.
    public func data(for request: URLRequest) async throws(DenwaError) -> (Data, HTTPURLResponse) {
        var tokens = try await freshTokens()
        var reply = try await send(request, with: tokens)
        if reply.status == 401 {
            tokens = try await freshTokens(refused: tokens.accessToken)
            reply = try await send(request, with: tokens)
        }
        return (reply.body, reply.response)
    }

    /// `request` with the access token, and a proof when the token is bound: for sending it by other means, once.
    ///
    /// An API that asks for nonces (RFC 9449 §9) is better called with ``data(for:)``.
    public func authorized(_ request: URLRequest) async throws(DenwaError) -> URLRequest {
        guard let url = request.url, url.isProtected else {
            throw DenwaError(.misconfigured, "the address must be https, or on this machine")
        }
        let tokens = try await freshTokens()
        var request = request
        request.setValue("\(tokens.scheme) \(tokens.accessToken)", forHTTPHeaderField: "Authorization")
        do {
            let proof = try await prover(for: tokens)?
                .proof(method: request.httpMethod ?? "GET", url: url, accessToken: tokens.accessToken)
            if let proof { request.setValue(proof, forHTTPHeaderField: "DPoP") }
        } catch {
            throw .storage(error)
        }
        return request
    }

    /// What the server knows of the person. Needs `openid` in the scope; `phone`, `email` and `profile` bring more.
    public func user() async throws(DenwaError) -> DenwaUser {
        let (body, response) = try await data(for: URLRequest(url: try await metadata().userinfoEndpoint))
        let reply = Reply(body: body, response: response)
        guard reply.isSuccess else { throw reply.refusal(["insufficient_scope": .misconfigured]) }
        return try reply.decoded()
    }

    func send(_ request: URLRequest, with tokens: Tokens) async throws(DenwaError) -> Reply {
        var request = request
        request.setValue("\(tokens.scheme) \(tokens.accessToken)", forHTTPHeaderField: "Authorization")
        return try await connection.send(request, prover: try prover(for: tokens), accessToken: tokens.accessToken)
    }

    private func prover(for tokens: Tokens) throws(DenwaError) -> Prover? {
        tokens.scheme == "DPoP" ? try boundProver() : nil
    }
}

/// Who is signed in, as far as the scope lets the app know.
public struct DenwaUser: Sendable, Hashable, Codable {
    /// Names the person at this client, for good. Numbers and addresses get new holders.
    public let sub: String
    public let phoneNumber: String?
    public let phoneNumberVerified: Bool?
    public let email: String?
    public let emailVerified: Bool?
    public let name: String?
    public let preferredUsername: String?
    public let locale: String?
}
