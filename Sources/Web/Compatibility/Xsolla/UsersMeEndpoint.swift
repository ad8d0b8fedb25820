import Accounts
import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth
import Time

/// `GET /users/me`: the profile behind a user's token, with the names of Xsolla Login. What an account does not
/// have, or its token may not see, is `null`, as its SDKs expect.
package struct UsersMeEndpoint: Sendable {
    private let userInfo: UserInfoEndpoint
    private let edge: Edge

    package init(userInfo: UserInfoEndpoint, edge: Edge) {
        self.userInfo = userInfo
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/users/me") { request, context in
            do throws(OAuthError) {
                guard let token = await edge.presentedToken(of: request, context) else {
                    return ErrorEnvelope.unauthorized.response
                }
                let bearer = try await userInfo.bearer(token, at: edge.now)
                let (profile, isTrusted) = (bearer.profile, bearer.isTrusted)
                func text(_ value: String?, _ scope: String) -> JSONValue {
                    guard isTrusted || bearer.token.scope.contains(scope) else { return .null }
                    return value.map(JSONValue.string) ?? .null
                }
                let number = bearer.phoneNumber.map(JSONValue.string) ?? .null
                return .json(
                    .ok,
                    [
                        "id": .string(bearer.subject), "phone": number, "phone_auth": number,
                        "username": text(profile.loginName, "profile"), "email": text(profile.provenEmail, "email"),
                        "name": text(profile.displayName, "profile"), "nickname": text(profile.displayName, "profile"),
                        "picture": .null, "is_anonymous": false,
                        "registered": bearer.registeredAt.map { .string($0.internetDate) } ?? .null,
                    ])
            } catch {
                return error.envelope(logger: context.logger).response
            }
        }
    }
}
