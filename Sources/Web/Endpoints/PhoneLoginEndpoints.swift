import HTTPTypes
package import Hummingbird
import JOSE
import Messaging
package import PhoneLogin
import RateLimiting
import Time

/// `POST /oauth2/login/phone/request` and `…/confirm`: a phone login that a game or app runs itself; and
/// `GET …/operation/{operation_id}`, by which it learns what became of the text.
package struct PhoneLoginEndpoints: Sendable {
    private let flow: PhoneLoginFlow
    private let edge: Edge

    package init(flow: PhoneLoginFlow, edge: Edge) {
        self.flow = flow
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/login/phone/request", start)
        router.postOnly("/oauth2/login/phone/confirm", confirm)
        router.get("\(Self.operations):operation_id", use: textState)
    }

    static let operations = "/oauth2/login/phone/operation/"

    @Sendable private func textState(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let clientID: String?
        do throws(WireFailure) { clientID = try XsollaQuery(request).value("client_id") } catch {
            return error.response
        }
        let now = edge.now
        do throws(PhoneLoginError) {
            let text = try await flow.textState(
                operationID: context.parameters.get("operation_id") ?? "", clientID: clientID,
                from: edge.origin(of: request, context), at: now)
            let seconds = now < text.expiresAt ? now.secondsRoundedUp(until: text.expiresAt) : 0
            return .json(.ok, ["state": .string(text.state.rawValue), "expires_in": .integer(Int64(seconds))])
        } catch {
            return error.response(logger: context.logger)
        }
    }

    private func start(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let parsed: PhoneLoginRequest
        do throws(WireFailure) {
            parsed = try await readStart(request)
        } catch {
            return error.response
        }
        do throws(PhoneLoginError) {
            let started = try await flow.start(parsed, from: edge.origin(of: request, context), at: edge.now)
            return .json(
                .ok,
                [
                    "operation_id": .string(started.operationID),
                    "expires_in": .integer(Int64(started.expiresInSeconds)),
                    "resend_after": .integer(Int64(started.resendAfterSeconds)),
                    "code_length": .integer(Int64(started.codeLength)),
                ])
        } catch {
            return error.response(logger: context.logger)
        }
    }

    private func confirm(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let confirmation: PhoneLoginConfirmation
        do throws(WireFailure) {
            confirmation = try await readConfirm(request)
        } catch {
            return error.response
        }
        do throws(PhoneLoginError) {
            let completed = try await flow.confirm(
                confirmation, from: edge.origin(of: request, context), at: edge.now)
            return .json(
                .ok, ["login_url": .string(completed.loginURL), "device_id": .string(completed.deviceID)])
        } catch {
            return error.response(logger: context.logger)
        }
    }

    private func readStart(_ request: Request) async throws(WireFailure) -> PhoneLoginRequest {
        let query = try XsollaQuery(request)
        let body = try await XsollaBody(request)
        return PhoneLoginRequest(
            responseType: try query.value("response_type"), clientID: try query.value("client_id"),
            state: try query.value("state"), scope: try query.value("scope"),
            redirectURI: try query.value("redirect_uri"), codeChallenge: try query.value("code_challenge"),
            codeChallengeMethod: try query.value("code_challenge_method"),
            uiLocales: try query.value("ui_locales"), acceptLanguage: request.headers[.acceptLanguage],
            phoneNumber: try body.string("phone_number"), sendLink: try body.bool("send_link") ?? false,
            linkURL: try body.string("link_url"),
            deviceID: try body.string("device_id"),
            askingDevice: AskingDevice.description(userAgent: request.headers[.userAgent]))
    }

    private func readConfirm(_ request: Request) async throws(WireFailure) -> PhoneLoginConfirmation {
        let query = try XsollaQuery(request)
        let body = try await XsollaBody(request)
        guard let code = try body.string("code"), let operationID = try body.string("operation_id"),
            let phoneNumber = try body.string("phone_number")
        else { throw .missing }
        return PhoneLoginConfirmation(
            clientID: try query.value("client_id"), code: code, operationID: operationID, phoneNumber: phoneNumber,
            deviceID: try body.string("device_id"))
    }
}
