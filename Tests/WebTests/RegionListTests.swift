import JOSE
import PhoneNumbers
import Testing
import WebResources

@testable import Web

/// The countries and regions that the phone page offers.
@Suite struct RegionListTests {
    private struct Region {
        let code: String
        let name: String
        let callingCode: Int64
    }

    static let locales = Resources.regions.keys.sorted()

    private static func regions(_ locale: String) throws -> [Region] {
        let bytes = try #require(Resources.regions[locale])
        let entries = try #require(try JSONValue(parsing: bytes).array)
        return try entries.map { entry in
            let fields = try #require(entry.array)
            try #require(fields.count == 3)
            return Region(
                code: try #require(fields[0].string), name: try #require(fields[1].string),
                callingCode: try #require(fields[2].integer))
        }
    }

    @Test(arguments: locales)
    func `every language has the same regions with the same calling codes, each once`(_ locale: String) throws {
        let (english, other) = (try Self.regions("en"), try Self.regions(locale))
        let codes = Dictionary(english.map { ($0.code, $0.callingCode) }) { first, _ in first }
        #expect(codes.count == english.count)
        #expect(Dictionary(other.map { ($0.code, $0.callingCode) }) { first, _ in first } == codes)
        #expect(other.count == english.count)
        #expect(Set(other.map(\.name)).count == other.count, "two regions of one name")
        #expect(other.allSatisfy { $0.name.contains { $0.isLetter } && (1...999).contains($0.callingCode) })
    }

    /// ISO 3166-1 alpha-2 in the main; two codes that it keeps for islands with numbers of their own, and Kosovo's.
    @Test func `every code is a region's`() throws {
        let known = Set(Self.iso.split(whereSeparator: \.isWhitespace).map(String.init)).union(["AC", "TA", "XK"])
        let codes = Set(try Self.regions("en").map(\.code))
        #expect(codes.subtracting(known).isEmpty)
        for code in ["JP", "US", "DE", "GB", "IN", "BR", "NG", "TW", "HK", "XK"] { #expect(codes.contains(code)) }
    }

    @Test func `a number of each region leads to the calling code that the page shows`() throws {
        let codes = Dictionary(try Self.regions("en").map { ($0.code, $0.callingCode) }) { first, _ in first }
        let examples = Self.examples.split(whereSeparator: \.isWhitespace)
        // Saint-Martin has no range of its own.
        #expect(Set(examples.map { String($0.prefix(2)) }) == Set(codes.keys).subtracting(["MF"]))
        for example in examples {
            let (region, number) = (String(example.prefix(2)), String(example.dropFirst(2)))
            let callingCode = try #require(codes[region])
            let e164 = try? PhoneNumber(parsing: number, region: region).e164
            #expect(e164 == "+\(callingCode)\(number)", "\(region)")
        }
    }

    /// By the languages that the visitor asks for, and the page's own.
    static let preferences: [(wishes: [String], locale: String, region: String)] = [
        ([], "en", "US"), ([], "ja", "JP"), ([], "zh-Hans", "CN"), ([], "ko", "KR"), ([], "es", "ES"),
        ([], "fr", "FR"), ([], "de", "DE"), ([], "pt", "BR"), ([], "ar", "EG"), (["en"], "en", "US"),
        (["en-GB"], "en", "GB"), (["en-gb"], "en", "GB"), (["en_GB"], "en", "GB"), (["en-XX"], "en", "US"),
        (["de-CH", "en-US"], "de", "CH"), (["de", "de-AT"], "de", "AT"), (["zh-Hant-TW"], "zh-Hans", "TW"),
        (["zh-Hans-SG"], "zh-Hans", "SG"), (["zh-Hans"], "zh-Hans", "CN"), (["es-419"], "es", "ES"),
        (["GB"], "en", "US"), (["en-XX", "fr-CA"], "en", "CA"), (["", "-", "_", "--"], "ja", "JP"),
        ([String(repeating: "x-", count: 10_000)], "ja", "JP"), (["en-\u{455}p"], "en", "US"),
    ]

    @Test(arguments: preferences)
    func `the region that a visitor is most likely in comes first`(
        _ row: (wishes: [String], locale: String, region: String)
    ) throws {
        #expect(try RegionList(allowed: []).preferred(wishes: row.wishes, locale: row.locale) == row.region)
    }

    @Test func `only allowed regions are offered, and one of them is preferred`() throws {
        let regions = try RegionList(allowed: ["DE", "JP"])
        for locale in Self.locales {
            #expect(Set(regions.codes(locale: locale)) == ["DE", "JP"])
            let preferred = try #require(regions.preferred(wishes: ["en-US"], locale: locale))
            #expect(["DE", "JP"].contains(preferred))
        }
        #expect(regions.preferred(wishes: [], locale: "ja") == "JP")
        #expect(regions.preferred(wishes: ["fr-JP"], locale: "fr") == "JP")
        let none = try RegionList(allowed: ["XX"])
        #expect(none.codes(locale: "en").isEmpty)
        #expect(none.preferred(wishes: ["en-GB"], locale: "en") == nil)
        #expect(none.options(locale: "en", selecting: nil).renderText.isEmpty)
    }

    @Test(arguments: locales)
    func `every region is an option, and the one that is selected is marked`(_ locale: String) throws {
        let regions = try RegionList(allowed: [])
        let codes = regions.codes(locale: locale)
        let listed = try Self.regions(locale).map(\.code)
        #expect(codes == listed, "in the order people look for them")
        for selected in ["JP", codes[0], codes[codes.count - 1]] {
            let html = regions.options(locale: locale, selecting: selected).renderText
            #expect(html.matches(of: #/<option value="[A-Z]{2}"/#).count == codes.count)
            #expect(html.matches(of: #/ selected>/#).count == 1)
            #expect(html.contains("<option value=\"\(selected)\" selected>"))
        }
        for nobodys in [nil, "", "XX", "jp", "JP\" autofocus"] {
            let html = regions.options(locale: locale, selecting: nobodys).renderText
            #expect(!html.contains("selected") && !html.contains("autofocus"))
        }
    }

    /// Without the mark a page that is read from the right draws the plus behind the number.
    @Test func `the plus stands before the calling code, whichever way the page is read`() throws {
        let regions = try RegionList(allowed: ["JP"])
        #expect(regions.options(locale: "en", selecting: nil).renderText == "<option value=\"JP\">Japan +81\n")
        #expect(regions.options(locale: "ar", selecting: nil).renderText.hasSuffix(" \u{200E}+81\n"))
    }

    @Test func `a language that there is none of has no regions`() throws {
        let regions = try RegionList(allowed: [])
        #expect(regions.codes(locale: "xx").isEmpty)
        #expect(regions.options(locale: "xx", selecting: "JP").renderText.isEmpty)
    }

    /// A national number of each, from libphonenumber's own examples (8.12.57).
    private static let examples = """
        AC40123 AD312345 AE501234567 AF701234567 AG2684641234 AI2642351234 AL672123456 AM77123456 AO923123456
        AR91123456789 AS6847331234 AT664123456 AU412345678 AW5601234 AX181234567 AZ401234567 BA61123456 BB2462501234
        BD1812345678 BE470123456 BF70123456 BG43012345 BH36001234 BI79561234 BJ90011234 BL590271234 BM4413701234
        BN7123456 BO71234567 BQ3181234 BR11961234567 BS2423591234 BT17123456 BW71123456 BY294911911 BZ6221234
        CA5062345678 CC891621234 CD991234567 CF70012345 CG061234567 CH781234567 CI0123456789 CK71234 CL221234567
        CM671234567 CN13123456789 CO3211234567 CR83123456 CU51234567 CV9911234 CW95181234 CX891641234 CY96123456
        CZ601123456 DE15123456789 DJ77831001 DK32123456 DM7672251234 DO8092345678 DZ551234567 EC991234567 EE51234567
        EG1001234567 EH528812345 ER7123456 ES612345678 ET911234567 FI412345678 FJ7012345 FK51234 FM3501234 FO211234
        FR612345678 GA06031234 GB7400123456 GD4734031234 GE555123456 GF694201234 GG7781123456 GH231234567 GI57123456
        GL221234 GM3012345 GN601123456 GP690001234 GQ222123456 GR6912345678 GT51234567 GU6713001234 GW955012345
        GY6091234 HK51234567 HN91234567 HR921234567 HT34101234 HU201234567 ID812345678 IE850123456 IL502345678
        IM1624756789 IN8123456789 IO3801234 IQ7912345678 IR9123456789 IS6111234 IT3123456789 JE7797712345
        JM8762101234 JO790123456 JP9012345678 KE712123456 KG700123456 KH91234567 KI72001234 KM3212345 KN8697652917
        KP1921234567 KR1020000000 KW50012345 KY3453231234 KZ7710009998 LA2023123456 LB71123456 LC7582845678
        LI660234567 LK712345678 LR770123456 LS50123456 LT61234567 LU628123456 LV21234567 LY912345678 MA650123456
        MC612345678 MD62112345 ME67622901 MG321234567 MH2351234 MK72345678 ML65012345 MM92123456 MN88123456
        MO66123456 MP6702345678 MQ696201234 MR22123456 MS6644923456 MT96961234 MU52512345 MV7712345 MW991234567
        MX2221234567 MY123456789 MZ821234567 NA811234567 NC751234 NE93123456 NF381234 NG8021234567 NI81234567
        NL612345678 NO40612345 NP9841234567 NR5551234 NU8884012 NZ211234567 OM92123456 PA61234567 PE912345678
        PF87123456 PG70123456 PH9051234567 PK3012345678 PL512345678 PM551234 PR7872345678 PS599123456 PT912345678
        PW6201234 PY961456789 QA33123456 RE692123456 RO712034567 RS601234567 RU9123456789 RW720123456 SA512345678
        SB7421234 SC2510123 SD911231234 SE701234567 SG81234567 SH51234 SI31234567 SJ79123456 SK912123456 SL25123456
        SM66661212 SN701234567 SO71123456 SR7412345 SS977123456 ST9812345 SV70123456 SX7215205678 SY944567890
        SZ76123456 TA8999 TC6492311234 TD63012345 TG90112345 TH812345678 TJ917123456 TK7290 TL77212345 TM66123456
        TN20123456 TO7715123 TR5012345678 TT8682911234 TV901234 TW912345678 TZ621234567 UA501234567 UG712345678
        US2015550123 UY94231234 UZ912345678 VA0669812345 VC7844301234 VE4121234567 VG2843001234 VI3406421234
        VN912345678 VU5912345 WF821234 WS7212345 XK43201234 YE712345678 YT639012345 ZA711234567 ZM955123456
        ZW712345678
        """

    /// ISO 3166-1 alpha-2, officially assigned.
    private static let iso = """
        AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
        CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
        FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
        JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
        MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
        PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
        TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
        """
}
