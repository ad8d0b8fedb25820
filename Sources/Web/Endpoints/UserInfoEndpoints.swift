import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth

/// `GET|POST /oauth2/userinfo` (OpenID Connect Core §5.3).
package struct UserInfoEndpoints: Sendable {
    private let userInfo: UserInfoEndpoint
    private let edge: Edge

    package init(userInfo: UserInfoEndpoint, edge: Edge) {
        self.userInfo = userInfo
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/oauth2/userinfo") { request, context in
            await answer(await edge.presentedToken(of: request, context), context)
        }
        router.post("/oauth2/userinfo") { request, context in
            do throws(OAuthError) {
                return await answer(try await token(of: request, context), context)
            } catch {
                var response = error.response(logger: context.logger)
                response.headers[.wwwAuthenticate] = error.bearerChallenge
                return response
            }
        }
    }

    /// In the header or in the body (RFC 6750 §2.2), but not in both.
    private func token(
        of request: Request, _ context: DenwaRequestContext
    ) async throws(OAuthError) -> PresentedToken? {
        let header = await edge.presentedToken(of: request, context)
        guard let form = try? await request.form(), form.has("access_token") else { return header }
        guard header == nil else { throw .invalidRequest("more than one access token") }
        guard let token = try form.value("access_token") else { return nil }
        return await edge.presentedToken(token, .bearer, request, context)
    }

    private func answer(_ token: PresentedToken?, _ context: DenwaRequestContext) async -> Response {
        guard let token else {
            // RFC 6750 §3.1: who brought nothing is not told that something is wrong with it.
            var response = Response.empty(.unauthorized)
            response.headers[.wwwAuthenticate] = #"Bearer realm="denwa""#
            return response
        }
        do throws(OAuthError) {
            let now = edge.now
            var response = Response.json(.ok, .object(try await userInfo.claims(token, at: now)))
            edge.addNonce(to: &response, proofs: token.proofs, at: now)
            return response
        } catch {
            return error.resourceResponse(to: token.type, logger: context.logger)
        }
    }
}
