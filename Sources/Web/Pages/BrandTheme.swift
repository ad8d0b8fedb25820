package import OAuth

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The two colours of a brand on light and on dark pages.
///
/// A brand colour is taken as it is where it can be seen (3:1 against the page, WCAG 2.2 §1.4.11), else made
/// darker or lighter until it can. What is written on it is black or white, whichever reads better.
package struct BrandTheme: Sendable, Equatable {
    package let onLight: BrandColor
    package let onDark: BrandColor

    private static let lightPage = BrandColor(red: 255, green: 255, blue: 255)
    /// `--card` of the style sheet in the dark: what buttons and logos stand on.
    private static let darkPage = BrandColor(red: 0x16, green: 0x17, blue: 0x1C)
    private static let visible = 3.0

    package init(_ color: BrandColor) {
        onLight = Self.moved(color, toward: BrandColor(red: 0, green: 0, blue: 0), on: Self.lightPage)
        onDark = Self.moved(color, toward: BrandColor(red: 255, green: 255, blue: 255), on: Self.darkPage)
    }

    package var css: String {
        """
        :root{\(Self.properties(onLight))}
        @media (prefers-color-scheme:dark){:root{\(Self.properties(onDark))}}

        """
    }

    private static func properties(_ color: BrandColor) -> String {
        "--brand:#\(color.hexadecimal);--on-brand:#\(textColor(on: color).hexadecimal)"
    }

    /// Black or white: one of them always reaches 4.5:1.
    package static func textColor(on color: BrandColor) -> BrandColor {
        let white = BrandColor(red: 255, green: 255, blue: 255)
        let black = BrandColor(red: 0, green: 0, blue: 0)
        return color.contrast(with: white) >= 4.5 ? white : black
    }

    private static func moved(_ color: BrandColor, toward end: BrandColor, on page: BrandColor) -> BrandColor {
        for step in 0...20 {
            let candidate = color.mixed(with: end, share: Double(step) / 20)
            if candidate.contrast(with: page) >= visible { return candidate }
        }
        return end
    }
}

extension BrandColor {
    /// WCAG 2.2, "contrast ratio": 1 to 21.
    package func contrast(with other: BrandColor) -> Double {
        let (a, b) = (luminance, other.luminance)
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }

    private var luminance: Double {
        0.2126 * Self.linear(red) + 0.7152 * Self.linear(green) + 0.0722 * Self.linear(blue)
    }

    private static func linear(_ channel: UInt8) -> Double {
        let value = Double(channel) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }

    fileprivate func mixed(with other: BrandColor, share: Double) -> BrandColor {
        func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) * (1 - share) + Double(b) * share).rounded()) }
        return BrandColor(red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }
}
