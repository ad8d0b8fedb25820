import JOSE
import Logging
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The process log, on standard error: text for people, one JSON object a line for machines.
struct LogOutput: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: ServerConfiguration.LogFormat

    init(label: String, level: Logger.Level, format: ServerConfiguration.LogFormat?) {
        self.label = label
        self.logLevel = level
        self.format = format ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var line: [UInt8]
        switch format {
        case .json: line = json(event, all).serialized()
        case .text: line = Array(text(event, all).utf8)
        }
        line.append(UInt8(ascii: "\n"))
        // One write a line, so that lines of several threads never mix. A log that cannot be written is no
        // reason to stop serving.
        _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private func json(_ event: LogEvent, _ metadata: Logger.Metadata) -> JSONValue {
        var members: JSONObject = [
            "at": .string(Self.now()),
            "level": .string(event.level.rawValue),
            "message": .string("\(event.message)"),
        ]
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            members[key == "hb.request.id" ? "request_id" : key] = .string("\(value)")
        }
        return .object(members)
    }

    private func text(_ event: LogEvent, _ metadata: Logger.Metadata) -> String {
        let pairs = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        return "\(Self.now()) \(event.level.rawValue) \(event.message)\(pairs)"
    }

    private static func now() -> String { WallClock.system.now().internetDate }
}
