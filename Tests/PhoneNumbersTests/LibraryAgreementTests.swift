import PhoneNumbers
import Testing

/// The one call leaves out what the library's calls repeat; its answers must stay exactly theirs.
@Suite struct LibraryAgreementTests {
    @Test func `examples cover the whole library`() {
        #expect(Library.regions.count > 240)
        #expect(Library.callingCodes.count > 200)
        #expect(Library.examples.count > 900)
    }

    @Test func `every example of every region and type gets the answers of the separate calls`() {
        expectAgreement(on: Library.examples)
    }

    @Test func `examples with one digit changed, added or lost get the answers of the separate calls`() {
        var random = Deterministic(state: 4)
        expectAgreement(
            on: Library.examples.flatMap { example in
                let digits = Array(example.dropFirst())
                var texts = digits.indices.map { index in
                    var changed = digits
                    changed[index] = Character("\(Int.random(in: 0...9, using: &random))")
                    return "+" + String(changed)
                }
                texts.append(String(example.dropLast()))
                texts.append(example + "\(Int.random(in: 0...9, using: &random))")
                return texts
            })
    }

    @Test func `random numbers under every country code get the answers of the separate calls`() {
        var random = Deterministic(state: 5)
        expectAgreement(
            on: Library.callingCodes.flatMap { code in
                (0..<60).map { _ in
                    let length = Int.random(in: 4...15, using: &random)
                    return "+\(code)" + (0..<length).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
                }
            })
    }

    @Test func `trunk prefixes get the answers of the separate calls`() {
        expectAgreement(
            on: Library.examples.flatMap { example in
                let length = Library.callingCodes.first { example.hasPrefix("+\($0)") }.map { "\($0)".count } ?? 0
                let code = example.prefix(1 + length)
                let national = example.dropFirst(1 + length)
                return ["0", "1", "8", "06", "11", "88", "00"].map { "\(code)\($0)\(national)" }
            })
    }

    @Test func `national spellings in every region get the answers of the separate calls`() {
        var differences: [String] = []
        let examples = Dictionary(grouping: Library.examples) { Library.valid($0)?.region ?? "" }
        for region in Library.regions {
            for example in examples[region, default: []] {
                for text in [String(example.dropFirst(2)), String(example.dropFirst(3)), "0" + example.dropFirst(3)] {
                    let ours = try? PhoneNumber(parsing: text, region: region)
                    if ours.map(Library.Answer.init) != Library.accepted(text, region: region) {
                        differences.append("\(region) \(text)")
                    }
                }
            }
        }
        #expect(differences.isEmpty)
    }

    private func expectAgreement(on texts: [String], sourceLocation: SourceLocation = #_sourceLocation) {
        var valid = 0
        let differences = texts.filter { text in
            let ours = try? PhoneNumber(e164Input: text)
            if ours != nil { valid += 1 }
            return ours.map(Library.Answer.init) != Library.accepted(text)
        }
        #expect(differences.isEmpty, sourceLocation: sourceLocation)
        #expect(valid > 0, sourceLocation: sourceLocation)
    }
}

extension Library.Answer {
    init(_ number: PhoneNumber) {
        self.init(e164: number.e164, region: number.region, lineType: number.lineType)
    }
}
