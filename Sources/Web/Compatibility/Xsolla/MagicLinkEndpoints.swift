import HTTPTypes
package import Hummingbird
import JOSE
package import PhoneLogin
import ServiceLifecycle

/// `POST /oauth2/login/phone/link` for an app's own status page, and `GET /otc/code`, the poll of the app that
/// waits.
package struct MagicLinkEndpoints: Sendable {
    private let flow: PhoneLoginFlow
    private let edge: Edge

    package init(flow: PhoneLoginFlow, edge: Edge) {
        self.flow = flow
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/login/phone/link", decide)
        router.getWithoutHead("/otc/code") { request, context in await poll(request, context) }
    }

    private func decide(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let (operation, token, isApproved): (String, String, Bool)
        do throws(WireFailure) {
            let body = try await XsollaBody(request)
            guard let given = try body.string("operation_id"), let link = try body.string("link_token"),
                let decision = try body.bool("approve")
            else { throw .missing }
            (operation, token, isApproved) = (given, link, decision)
        } catch {
            return error.response
        }
        do throws(PhoneLoginError) {
            let answer = try await flow.decide(
                operationID: operation, token: token, isApproved: isApproved, with: nil,
                from: edge.origin(of: request, context), at: edge.now)
            if case .gone = answer { throw .operationUnknown }
            return .json(.ok, ["approved": .bool(isApproved)])
        } catch {
            return error.response(logger: context.logger)
        }
    }

    /// 200 with what stands for the code, or 408 after 20 seconds: the SDKs then ask again at once.
    private func poll(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let (project, number, operation): (String?, String?, String?)
        do throws(WireFailure) {
            let query = try XsollaQuery(request)
            project = try query.value("projectId")
            // A plus that was not escaped arrives as a space, and nothing else begins with one.
            number = try query.value("login").map { $0.hasPrefix(" ") ? "+\($0.dropFirst())" : $0 }
            operation = try query.value("operation_id")
        } catch {
            return error.response
        }
        let (origin, now) = (edge.origin(of: request, context), edge.now)
        do throws(PhoneLoginError) {
            let code = try await untilShutdown { () throws(PhoneLoginError) in
                try await flow.awaitApproval(
                    projectID: project, number: number, operationID: operation, from: origin, at: now)
            }
            guard let code else { return ErrorEnvelope.notYet.response }
            return .json(.ok, ["code": .string(code)])
        } catch {
            return error.response(logger: context.logger)
        }
    }
}

/// Lets a long poll end as soon as the server is told to stop: whoever polls asks the next one.
func untilShutdown<Value: Sendable>(
    _ poll: @escaping @Sendable () async throws(PhoneLoginError) -> Value
) async throws(PhoneLoginError) -> Value {
    let result = await cancelWhenGracefulShutdown { () async -> Result<Value, PhoneLoginError> in
        do throws(PhoneLoginError) { return .success(try await poll()) } catch { return .failure(error) }
    }
    return try result.get()
}
