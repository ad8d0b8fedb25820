import CPhoneNumber
import PhoneNumbers

/// The library's own answers, each by its own call, as the measure for ours.
enum Library {
    struct Answer: Equatable {
        var e164: String
        var region: String
        var lineType: LineType?
    }

    /// What the library says, if it says "valid number, no extension" and stays with its answer when asked about
    /// the E.164 spelling it gave: the definition of what `PhoneNumber` accepts.
    static func accepted(_ text: String, region: String? = nil) -> Answer? {
        guard let answer = valid(text, region: region), valid(answer.e164)?.e164 == answer.e164 else { return nil }
        return answer
    }

    static func valid(_ text: String, region: String? = nil) -> Answer? {
        let said = unsafe denwa_library_ask(text, text.utf8.count, region)
        guard said.parsed, said.valid, !said.has_extension else { return nil }
        return Answer(
            e164: string(said.answer.e164), region: string(said.answer.region),
            lineType: lineTypes.first { $0.0 == said.answer.line_type }?.1)
    }

    static let lineTypes: [(denwa_line_type, LineType)] = [
        (.mobile, .mobile), (.fixedLine, .fixedLine), (.fixedLineOrMobile, .fixedLineOrMobile), (.premium, .premium),
        (.tollFree, .tollFree), (.sharedCost, .sharedCost), (.voip, .voip), (.personal, .personal), (.pager, .pager),
        (.uan, .uan), (.voicemail, .voicemail), (.unknown, .unknown),
    ]

    static let regions = Array(
        sequence(state: 0) { (index: inout Int) -> String? in
            defer { index += 1 }
            let region = string(denwa_library_region(index).text)
            return region.isEmpty ? nil : region
        })

    static let callingCodes = Array(
        sequence(state: 0) { (index: inout Int) -> Int? in
            defer { index += 1 }
            let code = Int(denwa_library_calling_code(index))
            return code == 0 ? nil : code
        })

    /// An example number of every type of every region, and of every code of no country.
    static let examples: [String] = {
        let national = regions.flatMap { region in
            lineTypes.map { string(unsafe denwa_library_example(region, $0.0).text) }
        }
        let nonGeographic = callingCodes.map { string(denwa_library_non_geographic_example(Int32($0)).text) }
        return Set(national + nonGeographic).subtracting([""]).sorted()
    }()

    private static func string<Characters>(_ characters: Characters) -> String {
        unsafe withUnsafeBytes(of: characters) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

/// SplitMix64: the same numbers in every run.
struct Deterministic: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
