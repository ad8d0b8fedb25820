import HTTPTypes
package import Hummingbird
import JOSE
import NIOCore
package import OAuth
import QRCodes

/// `POST /oauth2/device_authorization` (RFC 8628 §3.1), and `GET /device/qr.svg`, the address that a device shows as a
/// picture.
package struct DeviceAuthorizationEndpoints: Sendable {
    private let endpoint: DeviceAuthorizationEndpoint
    private let verification: DeviceVerificationAddress
    private let edge: Edge

    package init(endpoint: DeviceAuthorizationEndpoint, verification: DeviceVerificationAddress, edge: Edge) {
        self.endpoint = endpoint
        self.verification = verification
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.postOnly("/oauth2/device_authorization") { request, context in
            await edge.answer(request, context) { asked throws(OAuthError) in
                let device = AskingDevice.description(userAgent: request.headers[.userAgent])
                return .json(.ok, try await endpoint.respond(to: asked, askingDevice: device).json)
            }
        }
        router.get("/device/qr.svg") { request, _ in try picture(request) }
    }

    /// Of any code that is well formed: whether a device waits with it is not told here.
    private func picture(_ request: Request) throws -> Response {
        guard let code = ((try? request.query()?.optional("user_code")) ?? nil).flatMap(UserCode.init),
            let picture = QRCode(verification.complete(code))
        else { throw HTTPError(.notFound) }
        return Response(
            status: .ok,
            headers: [
                .contentType: "image/svg+xml", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
                .referrerPolicy: "no-referrer",
                // An SVG opened by itself is a page; this one may do nothing.
                .contentSecurityPolicy: "default-src 'none'; sandbox",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: picture.svg)))
    }
}

extension DeviceAuthorizationResponse {
    /// RFC 8628 §3.2, and where the device finds the complete address as a picture.
    var json: JSONValue {
        [
            "device_code": .string(deviceCode),
            "user_code": .string(userCode.text),
            "verification_uri": .string(verification.uri),
            "verification_uri_complete": .string(verification.complete(userCode)),
            "verification_qr_uri": .string(verification.picture(userCode)),
            "expires_in": .integer(Int64(expiresInSeconds)),
            "interval": .integer(Int64(intervalSeconds)),
        ]
    }
}
