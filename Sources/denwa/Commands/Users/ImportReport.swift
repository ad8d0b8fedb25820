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
    private var duplicateCount = 0
    private var badCount = 0
    private var duplicates: [(line: Int, field: String)] = []
    private var bad: [(line: Int, problems: [String])] = []

    /// Beyond this many, rows are only counted: a report has to fit into memory, and nobody reads more.
    private static let largestDetail = 10_000

    init(isDryRun: Bool) { self.isDryRun = isDryRun }

    mutating func add(_ outcome: ImportOutcome, line: Int) {
        switch outcome {
        case .imported: imported += 1
        case .alreadyThere: alreadyThere += 1
        case .duplicate(let field):
            duplicateCount += 1
            if duplicates.count < Self.largestDetail { duplicates.append((line, field)) }
        }
    }

    mutating func addBad(_ problems: [String], line: Int) {
        badCount += 1
        if bad.count < Self.largestDetail { bad.append((line, problems)) }
    }

    var rows: Int { imported + alreadyThere + duplicateCount + badCount }
    var isClean: Bool { duplicateCount == 0 && badCount == 0 }

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
            duplicates: \(duplicateCount)
            bad rows: \(badCount)
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
        text.withUTF8 { bytes in
            #if canImport(Glibc)
                _ = unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            #else
                _ = unsafe Darwin.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            #endif
        }
    }
}
