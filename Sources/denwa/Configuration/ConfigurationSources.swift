import Configuration
import JOSE

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Something that must be mended before the server can start.
struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The places a setting can come from, strongest first: flags, environment, file.
///
/// Reading collects problems instead of stopping at the first, so that an operator mends all in one go.
struct ConfigurationSources {
    private let flags: [String: String]
    private let environment: KeyMappingProvider<EnvironmentVariablesProvider>
    private let file: JSONValue?
    private let filePath: String
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [String] = []

    static let defaultFile = "denwa.json"

    /// - Parameter file: named by `--config`; without it `denwa.json` is read if it is there.
    init(flags: [String: String], environment: [String: String], file: String?) {
        self.flags = flags
        self.environment = EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "denwa")
        filePath = file ?? Self.defaultFile
        let manager = FileManager.default
        guard file != nil || manager.fileExists(atPath: filePath) else {
            self.file = nil
            warnAboutUnknownVariables(environment)
            return
        }
        do {
            guard let data = manager.contents(atPath: filePath) else {
                throw ConfigurationProblem("\(filePath): cannot be read")
            }
            let parsed = try JSONValue(parsing: Array(data))
            self.file = parsed
            warnAboutUnknownMembers(parsed, path: [])
        } catch let problem as ConfigurationProblem {
            self.file = nil
            problems.append(problem)
        } catch {
            self.file = nil
            problems.append(ConfigurationProblem("\(filePath): not valid JSON"))
        }
        warnAboutUnknownVariables(environment)
    }

    /// The text of a setting and where it stands, or `nil` when nobody sets it.
    mutating func text(_ name: String) -> (value: String, source: String)? {
        guard let key = ConfigurationKey.named(name) else { preconditionFailure("not a configuration key: \(name)") }
        if let flag = flags[key.flagName] { return (flag, key.flagName) }
        let absolute = AbsoluteConfigKey(name.split(separator: ".").map(String.init))
        if let found = try? environment.value(forKey: absolute, type: .string).value,
            case .string(let value) = found.content
        {
            return (value, key.environmentName)
        }
        guard let value = member(name) else { return nil }
        let source = "\(filePath): \(name)"
        if let text = Self.text(of: value, kind: key.kind) { return (text, source) }
        report("\(source) must be \(Self.article(key.kind))")
        return nil
    }

    mutating func report(_ problem: String) { problems.append(ConfigurationProblem(problem)) }

    private func member(_ name: String) -> JSONValue? {
        name.split(separator: ".").reduce(file) { value, part in value?[String(part)] }
    }

    /// Every kind has one textual form, whichever source it comes from.
    private static func text(of value: JSONValue, kind: ConfigurationKey.Kind) -> String? {
        switch kind {
        case .text: value.string
        case .integer: value.integer.map(String.init)
        case .flag: value.bool.map(String.init)
        case .limit: value.string ?? value.integer.map(String.init)
        case .amount: value.string ?? (value.number == nil ? nil : value.serializedText)
        case .list:
            value.array.flatMap { items in
                let texts = items.compactMap(\.string)
                return texts.count == items.count ? texts.joined(separator: ",") : nil
            }
        case .json: value.serializedText
        }
    }

    private static func article(_ kind: ConfigurationKey.Kind) -> String {
        switch kind {
        case .text: "a text"
        case .integer: "an integer"
        case .flag: "true or false"
        case .limit: "\"<count>/<seconds>\" or 0"
        case .amount: "an amount such as 20 or 12.50"
        case .list: "a list of texts"
        case .json: "JSON"
        }
    }

    private mutating func warnAboutUnknownMembers(_ value: JSONValue, path: [String]) {
        for member in value.object?.members ?? [] {
            let name = (path + [member.name]).joined(separator: ".")
            if ConfigurationKey.named(name) != nil { continue }
            if ConfigurationKey.all.contains(where: { $0.name.hasPrefix(name + ".") }) {
                warnAboutUnknownMembers(member.value, path: path + [member.name])
            } else {
                warnings.append("\(filePath): there is no setting \(name)")
            }
        }
    }

    private mutating func warnAboutUnknownVariables(_ environment: [String: String]) {
        let known = Set(ConfigurationKey.all.map(\.environmentName))
        for name in environment.keys.sorted() where name.hasPrefix("DENWA_") && !known.contains(name) {
            warnings.append("environment: there is no setting \(name)")
        }
    }
}
