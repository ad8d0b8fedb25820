import HTTPTypes
import Hummingbird
import Logging
import OAuth
import Time

extension Edge {
    /// Answers a call of a client: its form, what proves the client and its keys, and errors as RFC 6749 §5.2 shapes
    /// them.
    func answer(
        _ request: Request, _ context: DenwaRequestContext,
        _ respond: (ClientRequest) async throws(OAuthError) -> Response
    ) async -> Response {
        let form: FormParameters
        do throws(BodyFailure) { form = try await request.form() } catch {
            return error.oauthError.response(logger: context.logger)
        }
        let asked = await clientRequest(form, request, context)
        do throws(OAuthError) {
            var response = try await respond(asked)
            addNonce(to: &response, proofs: asked.proofs, at: asked.now)
            return response
        } catch {
            return error.response(logger: context.logger)
        }
    }

    func clientRequest(
        _ form: FormParameters, _ request: Request, _ context: DenwaRequestContext
    ) async -> ClientRequest {
        ClientRequest(
            form: form, authorization: request.headers[.authorization], proofs: request.headers[values: .dpop],
            certificateThumbprint: await certificateThumbprint(of: request, context),
            method: request.method.rawValue, path: request.uri.path, origin: origin(of: request, context), now: now)
    }

    /// The access token of an `Authorization` header, with what its bearer shows besides.
    func presentedToken(of request: Request, _ context: DenwaRequestContext) async -> PresentedToken? {
        guard let (type, token) = request.accessToken else { return nil }
        return await presentedToken(token, type, request, context)
    }

    func presentedToken(
        _ token: String, _ type: TokenType, _ request: Request, _ context: DenwaRequestContext
    ) async -> PresentedToken {
        PresentedToken(
            token: token, type: type, proofs: request.headers[values: .dpop],
            certificateThumbprint: await certificateThumbprint(of: request, context),
            method: request.method.rawValue, path: request.uri.path)
    }

    /// Whoever proves a key gets the nonce for the next proof (RFC 9449 §8.2).
    func addNonce(to response: inout Response, proofs: [String], at now: Timestamp) {
        guard let nonces, !proofs.isEmpty else { return }
        response.headers[.dpopNonce] = nonces.current(at: now)
    }
}

extension HTTPField.Name {
    static let dpop = constant("DPoP")
    static let dpopNonce = constant("DPoP-Nonce")
}
