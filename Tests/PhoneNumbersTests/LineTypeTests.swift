import PhoneNumbers
import Testing

@Suite struct LineTypeTests {
    static let numbers: [(e164: String, region: String, lineType: LineType)] = [
        ("+819012345678", "JP", .mobile),
        ("+817012345678", "JP", .mobile),
        ("+81312345678", "JP", .fixedLine),
        ("+815012345678", "JP", .voip),
        ("+81990123456", "JP", .premium),
        ("+81120123456", "JP", .tollFree),
        ("+812012345678", "JP", .pager),
        ("+81570123456", "JP", .uan),
        ("+12025550123", "US", .fixedLineOrMobile),
        ("+19002345678", "US", .premium),
        ("+18002345678", "US", .tollFree),
        ("+15002345678", "US", .personal),
        ("+447400123456", "GB", .mobile),
        ("+442079460000", "GB", .fixedLine),
        ("+449012345678", "GB", .premium),
        ("+448001234567", "GB", .tollFree),
        ("+33884012345", "FR", .sharedCost),
        ("+445612345678", "GB", .voip),
        ("+447012345678", "GB", .personal),
        ("+447640123456", "GB", .pager),
        ("+445512345678", "GB", .uan),
        ("+4915123456789", "DE", .mobile),
        ("+33612345678", "FR", .mobile),
        ("+41860123456789", "CH", .voicemail),
        ("+8613812345678", "CN", .mobile),
        ("+919812345678", "IN", .mobile),
        ("+5511961234567", "BR", .mobile),
        ("+6581234567", "SG", .mobile),
    ]

    @Test(arguments: numbers)
    func `region and line type come with the check`(_ e164: String, _ region: String, _ type: LineType) throws {
        let number = try PhoneNumber(e164Input: e164)
        #expect(number.e164 == e164)
        #expect(number.region == region)
        #expect(number.lineType == type)
    }

    static let sharedCodes = [
        ("+12025550123", "US"), ("+14165550123", "CA"), ("+18765230123", "JM"), ("+17876230123", "PR"),
        ("+79161234567", "RU"), ("+77011234567", "KZ"),
        ("+447400123456", "GB"), ("+447781123456", "GG"), ("+447624123456", "IM"), ("+447797712345", "JE"),
        ("+358412345678", "FI"), ("+35818123456", "AX"),
        ("+390612345678", "IT"), ("+390669812345", "VA"),
        ("+4740612345", "NO"), ("+4779123456", "SJ"),
        ("+212650123456", "MA"), ("+61412345678", "AU"),
    ]

    @Test(arguments: sharedCodes)
    func `a shared country code is told apart`(_ e164: String, _ region: String) throws {
        #expect(try PhoneNumber(e164Input: e164).region == region)
    }

    static let nonGeographic: [(e164: String, lineType: LineType)] = [
        ("+80012345678", .tollFree), ("+80812345678", .sharedCost), ("+870773111632", .mobile),
        ("+883510012345", .voip), ("+979123456789", .premium),
    ]

    @Test(arguments: nonGeographic)
    func `a code of no country has region 001`(_ e164: String, _ type: LineType) throws {
        let number = try PhoneNumber(e164Input: e164)
        #expect(number.region == "001")
        #expect(number.lineType == type)
    }

    @Test func `an Italian zero belongs to the number and an Irish one does not`() throws {
        #expect(try PhoneNumber(parsing: "06 1234 5678", region: "IT").e164 == "+390612345678")
        #expect(try PhoneNumber(parsing: "+39 06 1234 5678").e164 == "+390612345678")
        #expect(try PhoneNumber(parsing: "312 345 6789", region: "IT").e164 == "+393123456789")
        #expect(try PhoneNumber(parsing: "01 234 5678", region: "IE").e164 == "+35312345678")
        #expect(try PhoneNumber(parsing: "+353 (0)85 012 3456").e164 == "+353850123456")
    }

    @Test func `stored names of line types never change`() {
        #expect(
            LineType.allCases.map(\.rawValue) == [
                "mobile", "fixedLine", "fixedLineOrMobile", "premium", "tollFree", "sharedCost", "voip", "personal",
                "pager", "uan", "voicemail", "unknown",
            ])
    }
}
