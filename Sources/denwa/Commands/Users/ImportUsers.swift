import AccountImport
import AccountManagement
import Accounts
import ArgumentParser
import Cryptography
import JOSE
import PhoneNumbers
import SQLiteDriver
import Storage
import Time

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension UsersCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take in users from a CSV or JSON lines file.",
            discussion: """
                A row that came in before is passed over, so an import that was cut short is simply run again. Rows that \
                clash with a user there is, or that are malformed, are reported by line, and the others are taken in.
                """)
        @Argument(help: "The file; - for the standard input.") var file: String
        @Option(help: "Where numbers without a country code belong, such as JP.") var country: String?
        @Flag(help: "Change nothing; say what would be done.") var dryRun = false
        @Flag(help: "Print JSON.") var json = false

        /// Rows of one transaction: a server beside it waits for one of them at most.
        private static let batch = 500
        /// Properties may be large.
        private static let batchBytes = 4 << 20

        func run() async throws {
            var reader: UserFileReader
            do {
                reader = try UserFileReader(
                    file == "-" ? FileSource.standardInput() : FileSource(path: file),
                    format: UserFileFormat(fileName: file), country: country)
            } catch {
                throw Failure("\(error)")
            }
            let importing = try await Importing(isDryRun: dryRun)
            var report = ImportReport(isDryRun: dryRun)
            var progress = ImportProgress(size: reader.size)
            var pending: [PendingRow] = []
            do {
                while let record = try reader.next() {
                    switch record.result {
                    case .failure(let problems): report.addBad(problems.texts, line: record.line)
                    case .success(let user):
                        do throws(UserRecordProblems) {
                            pending.append(PendingRow(line: record.line, row: try importing.row(user)))
                        } catch {
                            report.addBad(error.texts, line: record.line)
                        }
                    }
                    if pending.count == Self.batch || pending.map(\.size).reduce(0, +) > Self.batchBytes {
                        try await importing.take(&pending, &report)
                        progress.show(rows: report.rows, offset: record.offset)
                    }
                }
            } catch let error as UserFileError {
                try await importing.take(&pending, &report)
                report.print(json: json)
                throw Failure("\(error)")
            }
            try await importing.take(&pending, &report)
            progress.end(rows: report.rows)
            report.print(json: json)
            if !report.isClean { throw ExitCode(1) }
        }
    }
}

private struct PendingRow {
    let line: Int
    let row: ImportRow
    /// Bytes of its properties.
    let size: Int

    init(line: Int, row: ImportRow) {
        self.line = line
        self.row = row
        size = row.properties.reduce(0) { $0 + $1.size }
    }
}

/// Rows on their way into the store.
private struct Importing {
    private let store: SQLStore
    /// Where a dry run puts its rows, so that it sees those that clash with each other.
    private let scratch: SQLStore?
    private let now = WallClock.system.now()

    init(isDryRun: Bool) async throws {
        store = try await UsersCommand.store()
        guard isDryRun else {
            scratch = nil
            return
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "denwa-\(Entropy.system.identifier())")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let scratch = SQLStore(engine: try SQLiteDatabase(path: folder.appending(path: "scratch.sqlite").path()))
        // An open file lives on without its name, and goes with the process.
        defer { try? FileManager.default.removeItem(at: folder) }
        try await scratch.migrate(at: now)
        self.scratch = scratch
    }

    func row(_ user: ImportedUser) throws(UserRecordProblems) -> ImportRow {
        var problems: [String] = []
        let name = user.loginName.flatMap { text in FoldedText(text).map { (text: text, key: $0) } }
        if user.loginName != nil, name == nil { problems.append("login_name: has no visible character") }
        let email = user.email.flatMap { EmailAddress($0) }
        if user.email != nil, email == nil { problems.append("email: not an e-mail address") }
        if let hash = user.passwordHash, StoredPassword(encoded: hash) == nil {
            problems.append("password_hash: a scheme or cost that cannot be checked here")
        }
        let properties = user.properties.compactMap { property in
            (try? JSONValue(parsing: Array(property.json.utf8))).map {
                AccountProperty(name: property.name, value: $0)
            }
        }
        if properties.reduce(0, { $0 + $1.size }) > AccountProperty.totalLimit
            || properties.count > AccountProperty.countLimit
        {
            problems.append("properties: larger than 500 KB, or more than 5000")
        }
        guard problems.isEmpty else { throw UserRecordProblems(problems) }
        return ImportRow(
            digest: Self.digest(of: user), id: AccountID(user.id ?? Entropy.system.uuid()),
            number: user.phoneNumber.map { AccountAddress($0.e164, isProven: user.phoneVerified) }, loginName: name,
            email: email.map { ($0, user.emailVerified) }, password: user.passwordHash,
            displayName: user.displayName, country: user.country, locale: user.locale,
            createdAt: user.createdAt ?? now, isDisabled: user.disabled, properties: properties)
    }

    /// Of everything that the row says, so that it does not matter how its file wrote it.
    private static func digest(of user: ImportedUser) -> SHA256Digest {
        let fields: [String?] =
            [
                user.id, user.phoneNumber?.e164, "\(user.phoneVerified)", user.loginName, user.email,
                "\(user.emailVerified)", user.passwordHash, user.displayName, user.country, user.locale,
                user.createdAt.map { "\($0.milliseconds)" }, "\(user.disabled)",
            ] + user.properties.flatMap { [$0.name, $0.json] }
        return SHA256Digest(of: fields.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: ","))
    }

    func take(_ pending: inout [PendingRow], _ report: inout ImportReport) async throws {
        guard !pending.isEmpty else { return }
        let rows = pending.map(\.row)
        var outcomes: [ImportOutcome]
        if let scratch {
            outcomes = try await store.wouldImport(rows)
            let among = try await scratch.importAccounts(rows, at: now)
            for (index, outcome) in among.enumerated() where outcomes[index] == .imported { outcomes[index] = outcome }
        } else {
            outcomes = try await store.importAccounts(rows, at: now)
        }
        for (index, outcome) in outcomes.enumerated() { report.add(outcome, line: pending[index].line) }
        pending.removeAll(keepingCapacity: true)
    }
}
