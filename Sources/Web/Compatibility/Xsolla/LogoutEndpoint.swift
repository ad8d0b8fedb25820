package import Accounts
import HTTPTypes
package import Hummingbird
import JOSE
import Logging
package import OAuth

/// `GET|POST /oauth2/logout?sessions=sso|all` with a user's token: `sso` ends the user's sessions in browsers,
/// `all` every access and refresh token too. An app that the person only let in by redirect is not trusted with
/// that: it ends the session it came from.
package struct LogoutEndpoint: Sendable {
    private let userInfo: UserInfoEndpoint
    private let sessions: any SessionStore
    private let edge: Edge

    package init(userInfo: UserInfoEndpoint, sessions: any SessionStore, edge: Edge) {
        self.userInfo = userInfo
        self.sessions = sessions
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.getWithoutHead("/oauth2/logout") { request, context in await logout(request, context) }
        router.post("/oauth2/logout") { request, context in await logout(request, context) }
    }

    private func logout(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        do throws(WireFailure) {
            let wish = try XsollaQuery(request).value("sessions") ?? "sso"
            guard wish == "sso" || wish == "all" else { throw .malformed }
            guard let token = await edge.presentedToken(of: request, context) else {
                return ErrorEnvelope.unauthorized.response
            }
            return await logout(token, everywhere: wish == "all", request, context)
        } catch {
            return error.response
        }
    }

    private func logout(
        _ token: PresentedToken, everywhere: Bool, _ request: Request, _ context: DenwaRequestContext
    ) async -> Response {
        let failure: OAuthError
        do throws(OAuthError) {
            let (bearer, origin) = (try await userInfo.bearer(token, at: edge.now), edge.origin(of: request, context))
            do {
                if let session = bearer.session, !bearer.isTrusted {
                    try await sessions.endSession(session, from: origin, at: edge.now)
                } else {
                    try await sessions.endSessions(
                        of: bearer.profile.id, andTokens: everywhere, from: origin, at: edge.now)
                }
            } catch {
                throw .serverError(error)
            }
            return .empty(.noContent)
        } catch {
            failure = error
        }
        return failure.envelope(logger: context.logger).response
    }
}
