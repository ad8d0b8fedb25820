import CPhoneNumber
import Testing

@testable import PhoneNumbers

@Suite struct MaskTests {
    static let masks = [
        ("+819012345678", "+8190****5678"),
        ("+12025550123", "+120****0123"),
        ("+79161234567", "+791****4567"),
        ("+4915123456789", "+4915****6789"),
        ("+447400123456", "+4474****3456"),
        ("+8613812345678", "+8613****5678"),
        ("+390612345678", "+3906****5678"),
        ("+80012345678", "+800****78"),
        ("+33612345678", "+33****678"),
        ("+6581234567", "+65****567"),
        ("+3546111234", "+354****34"),
        ("+2908999", "+290****"),
        ("+29051234", "+290****4"),
        ("+12", "+1****"),
        ("+1", "****"),
        ("+", "****"),
        ("", "****"),
        ("819012345678", "****"),
        ("not a number", "****"),
    ]

    @Test(arguments: masks)
    func `a mask shows the code and the ends`(_ e164: String, _ masked: String) {
        #expect(PhoneNumber(trusted: e164, region: "JP", lineType: .mobile).masked == masked)
    }

    @Test func `four digits stay hidden, or half of all`() {
        for example in Library.examples {
            let digits = example.count - 1
            let masked = PhoneNumber(trusted: example, region: "", lineType: .unknown).masked
            let shown = masked.filter(\.isNumber).count
            #expect(shown <= max(digits / 2, digits - 4), "\(masked)")
        }
    }

    @Test func `the length of every country code is known`() {
        for code in Library.callingCodes {
            let digits = Substring("\(code)1234567890").utf8
            #expect(PhoneNumber.countryCodeLength(of: digits) == "\(code)".count, "\(code)")
        }
    }
}
