import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import RateLimiting

extension Response {
    /// A JSON reply that nobody may keep: most of them hold something secret, and none is worth a cache.
    static func json(_ status: HTTPResponse.Status = .ok, _ body: JSONValue) -> Response {
        Response(status: status, headers: .json, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body.serialized())))
    }

    static func jwt(_ token: String, _ mediaType: String) -> Response {
        var headers = HTTPFields.json
        headers[.contentType] = mediaType
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: token)))
    }

    static func empty(_ status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: [.cacheControl: "no-store"])
    }

    /// A 429 says which limit, how much it allows and when to come back.
    mutating func add(_ refusal: LimitRefusal) {
        let fields = RateLimitFields(refusal)
        headers[.retryAfter] = fields.retryAfter
        headers[.rateLimitPolicy] = fields.policy
        headers[.rateLimit] = fields.rateLimit
    }
}

extension HTTPFields {
    static let json: HTTPFields = [
        .contentType: "application/json;charset=UTF-8",
        .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
    ]
}
