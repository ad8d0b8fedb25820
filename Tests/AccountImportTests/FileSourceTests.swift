import AccountImport
import Foundation
import Testing

@Suite struct FileSourceTests {
    /// A file that is gone when `body` returns.
    private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("users-\(UUID().uuidString)").path
        #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func records(_ source: FileSource, from position: UserFileReader.Position? = nil) throws -> [Record] {
        var reader = try UserFileReader(source, from: position, chunkSize: 16)
        var found: [Record] = []
        while let record = try reader.next() { found.append(record) }
        return found
    }

    @Test(arguments: ChunkTests.samples)
    func `a file is read like the same bytes in memory, from every record on`(_ bytes: [UInt8]) throws {
        let expected = try AccountImportTests.records(bytes)
        try withFile(bytes) { path in
            let source = try FileSource(path: path)
            #expect(source.size == Int64(bytes.count))
            #expect(try records(source) == expected)
            for (index, record) in expected.enumerated() {
                #expect(try records(FileSource(path: path), from: record.next) == Array(expected[(index + 1)...]))
            }
        }
    }

    @Test func `a pipe has no size, and is passed over by reading`() throws {
        let expected = try AccountImportTests.records(Sample.csv)
        for (index, record) in expected.enumerated() {
            let pipe = Pipe()
            try pipe.fileHandleForWriting.write(contentsOf: Data(Sample.csv))
            try pipe.fileHandleForWriting.close()
            let source = try FileSource(path: "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
            #expect(source.size == nil)
            #expect(try records(source, from: record.next) == Array(expected[(index + 1)...]))
        }
    }

    @Test func `what is not there, or is a folder, is unreadable`() throws {
        #expect(throws: UserFileError.unreadable) { try FileSource(path: "/nonexistent/users.csv") }
        #expect(throws: UserFileError.unreadable) { try records(FileSource(path: "/")) }
    }
}
