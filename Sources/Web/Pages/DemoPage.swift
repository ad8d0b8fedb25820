import HTTPTypes
package import Hummingbird
import NIOCore
import WebResources

/// `/demo`: a small client app, in development mode only. It knows no more of this server than any other app
/// does.
package struct DemoPage: Sendable {
    package init() {}

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/") { _, _ in Response.seeOther("/demo") }
        router.get("/demo") { _, _ in Self.file(Resources.Demo.page, "text/html") }
        router.get("/demo/demo.css") { _, _ in Self.file(Resources.Demo.style, "text/css") }
        router.get("/demo/demo.js") { _, _ in Self.file(Resources.Demo.script, "text/javascript") }
    }

    private static func file(_ bytes: [UInt8], _ mediaType: String) -> Response {
        var response = Response.page("")
        response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        response.headers[.contentType] = "\(mediaType); charset=utf-8"
        return response
    }
}
