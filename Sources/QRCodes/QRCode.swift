import CQREncode

/// A QR code (ISO/IEC 18004), computed by libqrencode and drawn here.
package struct QRCode: Sendable {
    /// Light modules that the standard wants around the others.
    private static let quietZone = 4

    private let width: Int
    private let isDark: [Bool]

    /// `nil` when the text is too long for one.
    package init?(_ text: String) {
        // Level M survives the loss of a seventh of it: enough for a screen, where nothing is torn off.
        guard let code = unsafe QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) else { return nil }
        defer { unsafe QRcode_free(code) }
        let width = unsafe Int(code.pointee.width)
        self.width = width
        isDark = unsafe UnsafeBufferPointer(start: code.pointee.data, count: width * width).map { $0 & 1 == 1 }
    }

    /// Black on white whatever the page around it: cameras look for that.
    package var svg: String {
        let side = width + 2 * Self.quietZone
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges">\
            <path fill="#fff" d="M0 0h\(side)v\(side)H0z"/><path d="\(path)"/></svg>
            """
    }

    /// One bar for each run of dark modules in a row.
    private var path: String {
        var path = ""
        for row in 0..<width {
            var column = 0
            while column < width {
                let length = isDark[(row * width + column)..<(row + 1) * width].prefix { $0 }.count
                if length > 0 {
                    path += "M\(column + Self.quietZone) \(row + Self.quietZone)h\(length)v1h-\(length)z"
                }
                column += max(1, length)
            }
        }
        return path
    }
}
