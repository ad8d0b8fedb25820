import QRCodes
import Testing

@Suite struct QRCodeTests {
    /// A reader finds a code by the three squares in its corners; the end-to-end tests read whole ones.
    @Test(arguments: ["https://id.example/device?user_code=BCDF-GHJK", "x", String(repeating: "long ", count: 100)])
    func `a picture has its quiet zone and the squares that readers look for`(_ text: String) throws {
        let svg = try #require(QRCode(text)).svg
        let side = try #require(svg.firstMatch(of: #/viewBox="0 0 ([0-9]+) ([0-9]+)"/#).flatMap { Int($0.1) })
        #expect((side - 8 - 17).isMultiple(of: 4), "a version has 17 + 4 n modules")
        #expect(svg.contains("d=\"M0 0h\(side)v\(side)H0z\""))
        let far = side - 4 - 7
        for (x, y) in [(4, 4), (far, 4), (4, far)] {
            #expect(svg.contains("M\(x) \(y)h7v1h-7z"), "the top of a square")
            #expect(svg.contains("M\(x) \(y + 6)h7v1h-7z"), "its bottom")
            #expect(svg.contains("M\(x + 2) \(y + 3)h3v1h-3z"), "its middle")
        }
        for bar in svg.matches(of: #/M([0-9]+) ([0-9]+)h([0-9]+)v1/#) {
            let (x, y, length) = (try #require(Int(bar.1)), try #require(Int(bar.2)), try #require(Int(bar.3)))
            #expect(x >= 4 && y >= 4 && x + length <= side - 4 && y < side - 4)
        }
    }

    @Test func `what no code can hold has no picture`() {
        #expect(QRCode(String(repeating: "x", count: 3000)) == nil)
    }
}
