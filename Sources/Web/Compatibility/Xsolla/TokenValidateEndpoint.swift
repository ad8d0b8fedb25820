package import Hummingbird
import Logging
package import OAuth

/// `POST /token/validate`: 204 while signature, lifetime and user hold.
package struct TokenValidateEndpoint: Sendable {
    private let validation: TokenValidation
    private let edge: Edge

    package init(validation: TokenValidation, edge: Edge) {
        self.validation = validation
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/token/validate", validate)
    }

    private func validate(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let token: String
        do throws(WireFailure) {
            guard let given = try await XsollaBody(request).string("token") else { throw .missing }
            token = given
        } catch {
            return error.response
        }
        do throws(TokenValidation.Failure) {
            _ = try await validation.validate(token, at: edge.now)
            return .empty(.noContent)
        } catch {
            return response(to: error, context)
        }
    }

    private func response(to failure: TokenValidation.Failure, _ context: DenwaRequestContext) -> Response {
        switch failure {
        case .malformed: return ErrorEnvelope.malformed.response
        case .invalid: return ErrorEnvelope.invalidToken.response
        case .unavailable(let cause):
            context.logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
            return ErrorEnvelope(
                .serviceUnavailable, "000-001", "The server cannot answer right now.", retryAfterSeconds: 5
            ).response
        }
    }
}
