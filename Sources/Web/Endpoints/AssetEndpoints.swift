import HTTPTypes
package import Hummingbird
import NIOCore
package import OAuth
import WebResources

/// `GET /assets/…`: style, script, themes and logos. Each address names its content, so browsers keep it.
package struct AssetEndpoints: Sendable {
    private let addresses = AssetAddresses()
    private let registry: ClientRegistry
    private let brand: ServerBrand

    package init(registry: ClientRegistry, brand: ServerBrand) {
        self.registry = registry
        self.brand = brand
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/assets/:name") { _, context in
            let name = context.parameters.get("name") ?? ""
            guard let (bytes, mediaType) = asset("/assets/\(name)", name: name) else { throw HTTPError(.notFound) }
            return Response(
                status: .ok,
                headers: [
                    .contentType: mediaType, .cacheControl: "public, max-age=31536000, immutable",
                    .xContentTypeOptions: "nosniff",
                    // An SVG opened by itself is a page; this one may do nothing.
                    .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }

    private func asset(_ path: String, name: String) -> (bytes: [UInt8], mediaType: String)? {
        if path == addresses.style { return (Resources.style, "text/css; charset=utf-8") }
        if path == addresses.script { return (Resources.script, "text/javascript; charset=utf-8") }
        if name.hasPrefix("theme-"), name.hasSuffix(".css"),
            let color = BrandColor("#\(name.dropFirst(6).dropLast(4))")
        {
            return (Array(BrandTheme(color).css.utf8), "text/css; charset=utf-8")
        }
        if name.hasPrefix("logo-"), let logo = logo(named: String(name.dropFirst(5))) {
            return (logo.bytes, logo.mediaType)
        }
        return nil
    }

    private func logo(named name: String) -> Logo? {
        if let logo = brand.logo, logo.name == name { return logo }
        return registry.all.lazy.compactMap(\.logo).first { $0.name == name }
    }
}
