import PhoneNumbers
import Testing

@Suite struct PhoneNumberTests {
    @Test func `new metadata does not split an account`() {
        let before = PhoneNumber(trusted: "+77011234567", region: "RU", lineType: .unknown)
        let after = PhoneNumber(trusted: "+77011234567", region: "KZ", lineType: .mobile)
        #expect(before == after)
        #expect(Set([before, after]).count == 1)
        #expect(before != PhoneNumber(trusted: "+77011234568", region: "RU", lineType: .unknown))
    }

    @Test func `a row of the database is taken as it is`() {
        let row = PhoneNumber(trusted: "+999", region: "ZZ", lineType: .pager)
        #expect(row.e164 == "+999")
        #expect(row.region == "ZZ")
        #expect(row.lineType == .pager)
    }

    @Test func `a number printed by accident is masked`() throws {
        let number = try PhoneNumber(e164Input: "+819012345678")
        var dumped = ""
        dump([number], to: &dumped)
        for text in ["\(number)", String(reflecting: number), "\([number])", "\(Optional(number) as Any)", dumped] {
            #expect(text.contains("+8190****5678"))
            #expect(!text.contains("12345678"))
        }
    }
}
