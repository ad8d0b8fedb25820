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
            do throws(OAuthError) {
                return await answer(try await Self.token(of: request), context)
            } catch {
                var response = error.response(logger: context.logger)
                response.headers[.wwwAuthenticate] = error.bearerChallenge
                return response
            }
        }
    }

    /// In the header or in the body (RFC 6750 §2.2), but not in both.
    private static func token(of request: Request) async throws(OAuthError) -> String? {
        let header = request.bearerToken
        guard let form = try? await request.form(), form.has("access_token") else { return header }
        guard header == nil else { throw .invalidRequest("more than one access token") }
        return try form.value("access_token")
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
