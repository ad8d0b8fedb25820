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
            await answer(request.bearerToken, context)
        }
        router.post("/oauth2/userinfo") { request, context in
            // RFC 6750 §2.2: in the body, when there is no header.
            if let token = request.bearerToken { return await answer(token, context) }
            return await answer(try? request.form().optional("access_token"), context)
        }
    }

    private func answer(_ token: String?, _ context: DenwaRequestContext) async -> Response {
        guard let token else {
            // RFC 6750 §3.1: who brought nothing is not told that something is wrong with it.
            var response = Response.empty(.unauthorized)
            response.headers[.wwwAuthenticate] = #"Bearer realm="denwa""#
            return response
        }
        do throws(OAuthError) {
            return .json(.ok, .object(try await userInfo.claims(token, at: edge.now)))
        } catch {
            return error.response(logger: context.logger)
        }
    }
}
