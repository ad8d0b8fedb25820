import Cryptography
import HTTPTypes
import Hummingbird
import Mustache
import NIOCore
package import OAuth
import WebResources

/// Escapes by scalar. The library's own way goes by `Character`, and to that a quote with a combining mark behind
/// it is no quote.
struct StrictHTML: MustacheContentType {
    func escapeText(_ text: String) -> String { HTML.escape(text) }
}

/// The look of this server's own name on its pages; see `branding.*` in the configuration reference.
package struct ServerBrand: Sendable {
    package var name = "Denwa"
    package var logo: Logo?
    package var color: BrandColor?

    package init() {}
}

/// Renders pages from templates, words and a brand.
package struct PageLibrary: Sendable {
    let catalogue: PageCatalogue
    let brand: ServerBrand
    let assets: AssetAddresses
    private let templates: MustacheLibrary

    package init(brand: ServerBrand) throws {
        // Templates look their content type up while they are parsed.
        MustacheContentTypes.register(StrictHTML(), named: "STRICT_HTML")
        var templates = MustacheLibrary()
        for (name, bytes) in Resources.templates {
            try templates.register(String(decoding: bytes, as: UTF8.self), named: name)
        }
        self.templates = templates
        self.brand = brand
        catalogue = try PageCatalogue()
        assets = AssetAddresses()
    }

    func render(_ page: Page) -> String {
        var values = page.texts
        if let client = page.client { values["app"] = client.name }
        let texts = catalogue.texts(of: page.template, locale: page.locale.tag, values: values)
        var variables = page.variables(texts)
        variables["lang"] = page.locale.tag
        variables["dir"] = page.locale.isRightToLeft ? "rtl" : "ltr"
        variables["title"] = variables["title"] ?? texts["title"] ?? brand.name
        variables["css"] = assets.style
        variables["js"] = assets.script
        if let color = page.client?.brandColor ?? brand.color { variables["theme"] = AssetAddresses.theme(color) }
        variables["brand"] = brandVariables(page.client)
        variables["text"] = texts
        return templates.render(variables, withTemplate: page.template) ?? ""
    }

    private func brandVariables(_ client: Client?) -> [String: Any] {
        let name = client?.name ?? brand.name
        var variables: [String: Any] = ["name": name, "initial": name.prefix(1).uppercased()]
        // Somebody else's page must not look like ours, so its client's logo stands alone.
        if let logo = client == nil ? brand.logo : client?.logo { variables["logo"] = AssetAddresses.logo(logo) }
        if name != brand.name { variables["footer"] = brand.name }
        return variables
    }
}

/// A page about to be rendered.
struct Page {
    /// The name of its template, and of its part of the catalogue.
    let template: String
    let locale: PageLocale
    /// Whose sign-in it is; `nil` for the server's own pages.
    var client: Client?
    /// What the placeholders in its texts stand for.
    var texts: [String: String] = [:]
    /// The rest, once the texts are known: some show one of them.
    var variables: (_ texts: [String: String]) -> [String: Any] = { _ in [:] }
}

/// Addresses that change with what they lead to, so that browsers may keep it for ever.
struct AssetAddresses: Sendable {
    let style = "/assets/denwa-\(Self.fingerprint(Resources.style)).css"
    let script = "/assets/denwa-\(Self.fingerprint(Resources.script)).js"

    static func theme(_ color: BrandColor) -> String { "/assets/theme-\(color.hexadecimal).css" }
    static func logo(_ logo: Logo) -> String { "/assets/logo-\(logo.name)" }

    private static func fingerprint(_ bytes: [UInt8]) -> String {
        Hex.encode(Array(SHA256Digest(of: bytes).bytes.prefix(6)))
    }
}
