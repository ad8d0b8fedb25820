import HTTPTypes
package import Hummingbird
import JOSE
import NIOCore
package import OAuth
import WebResources

/// `GET /openapi.json`: every route of the server, in OpenAPI 3.1, for whoever has a client, a reference or a test
/// made of it.
///
/// The document is kept by hand, a file for each tag. Tests hold its paths to the router's, and what the server
/// answers to it.
package struct OpenAPIEndpoint: Sendable {
    private let document: [UInt8]

    package init(issuer: Issuer) throws {
        var document = try Self.object(Resources.OpenAPI.document)
        document["servers"] = [["url": .string(issuer.url)]]
        let paths = try Resources.OpenAPI.paths.flatMap { try Self.object($0).members }
        document["paths"] = .object(JSONObject(uniqueMembers: paths))
        document["components"] = .object(try Self.object(Resources.OpenAPI.components))
        self.document = JSONValue.object(document).serialized()
    }

    private static func object(_ bytes: [UInt8]) throws -> JSONObject {
        guard let object = try JSONValue(parsing: bytes).object else {
            preconditionFailure("a part of the document is not an object")
        }
        return object
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/openapi.json") { _, _ in
            var headers = HTTPFields.json
            headers[.cacheControl] = "public, max-age=300"
            headers[.accessControlAllowOrigin] = "*"
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: document)))
        }
    }
}
