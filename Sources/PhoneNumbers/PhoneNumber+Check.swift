private import CPhoneNumber

extension PhoneNumber {
    /// The one full check: parsing, validity, E.164, region and line type in one call of the library.
    ///
    /// Costs 6 to 25 microseconds of computation for E.164 (shared country codes cost most) and some 8 more for
    /// any other spelling; the first call of a process also loads the metadata, 5 milliseconds. Waits for no
    /// input or output, and may be called from any thread.
    init(checking text: String, region: String?) throws(PhoneNumberError) {
        var answer = denwa_phone_answer()
        switch unsafe denwa_phone_check(text, text.utf8.count, region, &answer) {
        case .valid: break
        case .malformed: throw .malformed
        case .invalid: throw .invalid
        }
        self.init(
            trusted: unsafe withUnsafeBytes(of: answer.e164) { unsafe Self.text(in: $0) },
            region: unsafe withUnsafeBytes(of: answer.region) { unsafe Self.text(in: $0) },
            lineType: LineType(answer.line_type))
    }

    private static func text(in buffer: UnsafeRawBufferPointer) -> String {
        unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }
}

extension LineType {
    fileprivate init(_ type: denwa_line_type) {
        self =
            switch type {
            case .mobile: .mobile
            case .fixedLine: .fixedLine
            case .fixedLineOrMobile: .fixedLineOrMobile
            case .premium: .premium
            case .tollFree: .tollFree
            case .sharedCost: .sharedCost
            case .voip: .voip
            case .personal: .personal
            case .pager: .pager
            case .uan: .uan
            case .voicemail: .voicemail
            case .unknown: .unknown
            }
    }
}
