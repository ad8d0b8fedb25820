import AccountManagement
import JOSE

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What came of an import. Names lines and fields, never a value.
struct ImportReport {
    let isDryRun: Bool
    private var imported = 0
    private var alreadyThere = 0
    private var duplicates: [(line: Int, field: String)] = []
    var bad: [(line: Int, problems: [String])] = []

    init(isDryRun: Bool) { self.isDryRun = isDryRun }

    mutating func add(_ outcome: ImportOutcome, line: Int) {
        switch outcome {
        case .imported: imported += 1
        case .alreadyThere: alreadyThere += 1
        case .duplicate(let field): duplicates.append((line, field))
        }
    }

    var rows: Int { imported + alreadyThere + duplicates.count + bad.count }
    var isClean: Bool { duplicates.isEmpty && bad.isEmpty }

    func print(json: Bool) {
        if json {
            let document: JSONValue = [
                "dry_run": .bool(isDryRun), "imported": .integer(Int64(imported)),
                "already_there": .integer(Int64(alreadyThere)),
                "duplicates": .array(
                    duplicates.map { ["line": .integer(Int64($0.line)), "field": .string($0.field)] }),
                "bad": .array(
                    bad.map {
                        ["line": .integer(Int64($0.line)), "problems": .array($0.problems.map(JSONValue.string))]
                    }),
            ]
            return Swift.print(document.serializedText)
        }
        Swift.print(
            """
            \(isDryRun ? "would be imported" : "imported"): \(imported)
            already there: \(alreadyThere)
            duplicates: \(duplicates.count)
            bad rows: \(bad.count)
            """)
        for duplicate in duplicates { Swift.print("line \(duplicate.line): \(duplicate.field) is another user's") }
        for row in bad { Swift.print("line \(row.line): \(row.problems.joined(separator: "; "))") }
    }
}

/// Tells on the standard error how far an import is, once a second.
struct ImportProgress {
    private let size: Int64?
    private var lastShown = ContinuousClock.now

    init(size: Int64?) { self.size = size }

    mutating func show(rows: Int, offset: Int64) {
        guard ContinuousClock.now - lastShown > .seconds(1) else { return }
        lastShown = .now
        let share = size.flatMap { $0 > 0 ? ", \(offset * 100 / $0) %" : nil } ?? ""
        write("\(rows) rows\(share)\n")
    }

    func end(rows: Int) { write("\(rows) rows, done\n") }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
