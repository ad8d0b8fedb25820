import OAuth
import Testing
import WebResources

@testable import Web

@Suite struct BrandingTests {
    private static let white = BrandColor(red: 255, green: 255, blue: 255)
    private static let black = BrandColor(red: 0, green: 0, blue: 0)

    /// Seven steps of each channel, every grey, and what brands are made of.
    private static let colors: [BrandColor] = {
        let steps: [UInt8] = [0, 36, 72, 109, 145, 200, 255]
        let cube = steps.flatMap { red in
            steps.flatMap { green in steps.map { BrandColor(red: red, green: green, blue: $0) } }
        }
        let greys = (UInt8.min...UInt8.max).map { BrandColor(red: $0, green: $0, blue: $0) }
        let brands = ["#1a73e8", "#ff0000", "#00ff00", "#0000ff", "#ffeb3b", "#00ffff", "#ff69b4", "#0000d8"]
        return cube + greys + brands.compactMap { BrandColor($0) }
    }()

    /// What buttons and logos stand on, in the light and in the dark.
    private func pages() throws -> (light: BrandColor, dark: BrandColor) {
        let style = String(decoding: Resources.style, as: UTF8.self)
        let cards = style.matches(of: #/--card: *([#][0-9a-f]+)/#).map { String($0.1) }
        try #require(cards.count == 2)
        return (try #require(Self.color(cards[0])), try #require(Self.color(cards[1])))
    }

    /// A style sheet may write `#fff` for `#ffffff`.
    private static func color(_ text: String) -> BrandColor? {
        guard text.utf8.count == 4 else { return BrandColor(text) }
        return BrandColor("#" + text.dropFirst().map { "\($0)\($0)" }.joined())
    }

    @Test func `a brand colour can be seen on the very pages of the style sheet`() throws {
        let (light, dark) = try pages()
        for color in Self.colors {
            let theme = BrandTheme(color)
            #expect(theme.onLight.contrast(with: light) >= 3, "\(color.hexadecimal)")
            #expect(theme.onDark.contrast(with: dark) >= 3, "\(color.hexadecimal)")
        }
    }

    @Test func `what is written on it can be read`() {
        for color in Self.colors {
            let theme = BrandTheme(color)
            for fill in [color, theme.onLight, theme.onDark] {
                let text = BrandTheme.textColor(on: fill)
                #expect(text == Self.white || text == Self.black)
                #expect(text.contrast(with: fill) >= 4.5, "\(fill.hexadecimal)")
            }
        }
    }

    @Test func `a colour that can be seen is left alone`() throws {
        let (light, dark) = try pages()
        for color in Self.colors {
            let theme = BrandTheme(color)
            if color.contrast(with: light) >= 3 { #expect(theme.onLight == color) }
            if color.contrast(with: dark) >= 3 { #expect(theme.onDark == color) }
        }
    }

    /// WCAG 2.2's own measure, at pairs that every contrast checker agrees on.
    static let contrasts: [(color: String, other: String, ratio: Double)] = [
        ("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48), ("#0b57d0", "#ffffff", 6.39), ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59), ("#808080", "#000000", 5.32),
    ]

    @Test(arguments: contrasts)
    func `contrast is what WCAG says, whichever colour comes first`(
        _ row: (color: String, other: String, ratio: Double)
    ) throws {
        let (color, other) = (try #require(BrandColor(row.color)), try #require(BrandColor(row.other)))
        #expect(abs(color.contrast(with: other) - row.ratio) < 0.005)
        #expect(color.contrast(with: other) == other.contrast(with: color))
    }

    static let extremes: [(color: String, isKeptOnLight: Bool, isKeptOnDark: Bool)] = [
        ("#000000", true, false), ("#ffffff", false, true), ("#1a73e8", true, true), ("#ffeb3b", false, true),
        ("#808080", true, true), ("#0000d8", true, false),
    ]

    @Test(arguments: extremes)
    func `black is lightened in the dark, and white darkened in the light`(
        _ row: (color: String, isKeptOnLight: Bool, isKeptOnDark: Bool)
    ) throws {
        let color = try #require(BrandColor(row.color))
        let theme = BrandTheme(color)
        #expect((theme.onLight == color) == row.isKeptOnLight)
        #expect((theme.onDark == color) == row.isKeptOnDark)
    }

    @Test func `a theme sets two colours for light and two for dark, and nothing else`() throws {
        let css = BrandTheme(try #require(BrandColor("#1a73e8"))).css
        let light = ":root{--brand:#1a73e8;--on-brand:#ffffff}\n"
        let dark = "@media (prefers-color-scheme:dark){:root{--brand:#1a73e8;--on-brand:#ffffff}}\n"
        #expect(css == light + dark)
        for color in Self.colors { #expect(BrandTheme(color).css.utf8.count == css.utf8.count) }
    }

    @Test(arguments: ["#3a45d1", "#3A45D1", "#000000", "#ffffff"])
    func `a colour is written as in a style sheet, and read back`(_ text: String) throws {
        let color = try #require(BrandColor(text))
        #expect("#" + color.hexadecimal == text.lowercased())
    }

    @Test(arguments: [
        "", "#", "3a45d1", "#3a45d", "#3a45d1f", "#3a45d1ff", "#fff", "red", "#3a45dg", "# 3a45d", "#3a45d\n",
        "＃3a45d1", "#３a45d", "rgb(0,0,0)", "#}*{x:y", "#3a45\u{E9}",
    ])
    func `nothing else is a colour`(_ text: String) {
        #expect(BrandColor(text) == nil)
    }

    static let logos: [(beginning: [UInt8], mediaType: String?, ending: String)] = [
        ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "image/png", ".png"),
        ([0xFF, 0xD8, 0xFF], "image/jpeg", ".jpg"),
        (Array("GIF89a".utf8), "image/gif", ".gif"), (Array("RIFF....WEBP".utf8), "image/webp", ".webp"),
        (Array("<svg xmlns='http://www.w3.org/2000/svg'>".utf8), "image/svg+xml", ".svg"),
        (Array("<?xml version='1.0'?>\n<!-- x -->\n<svg>".utf8), "image/svg+xml", ".svg"),
        (Array("RIFF....WAVE".utf8), nil, ""), (Array("<html>".utf8), nil, ""), (Array("%PDF-1.7".utf8), nil, ""),
        ([], nil, ""), ([0x89, 0x50, 0x4E, 0x47], nil, ""),
    ]

    @Test(arguments: logos)
    func `a logo is a picture by its bytes, named by them, and small`(
        _ row: (beginning: [UInt8], mediaType: String?, ending: String)
    ) throws {
        #expect(Logo(row.beginning)?.mediaType == row.mediaType)
        guard row.mediaType != nil else { return }
        let logo = try #require(Logo(row.beginning))
        #expect(logo.name.hasSuffix(row.ending))
        #expect(logo.name.dropLast(row.ending.count).utf8.count == 16)
        #expect(Logo(row.beginning + [0])?.name != logo.name, "another picture is another address")
        let room = Logo.largestSize - row.beginning.count
        #expect(Logo(row.beginning + [UInt8](repeating: 0, count: room)) != nil)
        #expect(Logo(row.beginning + [UInt8](repeating: 0, count: room + 1)) == nil)
    }
}
