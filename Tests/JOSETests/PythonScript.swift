import Foundation
import JOSE

/// Runs Tests/EndToEnd/jose/interop.py. A missing interpreter is a failure, not a reason to skip: otherwise the
/// only independent check would vanish unnoticed.
struct PythonScript {
    enum Failure: Error {
        case noInterpreter(looked: String)
        case failed(status: Int32, message: String)
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// `.venv/bin/python` of this package, else what `DENWA_PYTHON` names.
    private static func interpreter() throws -> [String] {
        let own = root.appending(path: ".venv/bin/python").path
        if FileManager.default.isExecutableFile(atPath: own) { return [own] }
        guard let named = ProcessInfo.processInfo.environment["DENWA_PYTHON"], !named.isEmpty else {
            throw Failure.noInterpreter(looked: own)
        }
        return ["/usr/bin/env", named]
    }

    static func run(_ act: String, _ request: JSONValue) throws -> JSONValue {
        let command = try interpreter() + [root.appending(path: "Tests/EndToEnd/jose/interop.py").path, act]
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(request.serialized()))
        try input.fileHandleForWriting.close()
        let answer = try output.fileHandleForReading.readToEnd() ?? Data()
        let message = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure.failed(status: process.terminationStatus, message: String(decoding: message, as: UTF8.self))
        }
        return try JSONValue(parsing: Array(answer))
    }
}
