import ArgumentParser
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One call of the program: which settings its flags made, and what is left for the command.
struct Invocation: Sendable {
    @TaskLocal static var current = Invocation([])

    /// Values by flag name, `--http-port`.
    private(set) var settings: [String: String] = [:]
    private(set) var configurationFile: String?
    private(set) var arguments: [String] = []
    private var missingValues: [String] = []

    init(_ arguments: [String]) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            // Everything after `--` is the command's.
            guard argument != "--" else {
                self.arguments += [argument] + rest
                break
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            let key = ConfigurationKey.all.first { $0.flagName == name }
            guard key != nil || name == "--config" else {
                self.arguments.append(argument)
                continue
            }
            guard let value = Self.value(parts, isSwitch: key?.kind == .flag, &rest) else {
                missingValues.append(name)
                continue
            }
            if name == "--config" { configurationFile = value } else { settings[name] = value }
        }
    }

    private static func value(_ parts: [String], isSwitch: Bool, _ rest: inout ArraySlice<String>) -> String? {
        if parts.count == 2 { return parts[1] }
        if isSwitch { return ["true", "false"].contains(rest.first) ? rest.popFirst() : "true" }
        return rest.popFirst()
    }

    /// Reads the configuration, or says everything that is wrong with it and how to see the settings.
    func configuration() throws -> (ServerConfiguration, warnings: [String]) {
        if let name = missingValues.first { throw ValidationError("\(name) needs a value") }
        let sources = ConfigurationSources(
            flags: settings, environment: ProcessInfo.processInfo.environment, file: configurationFile)
        do throws(ServerConfiguration.Invalid) {
            return try ServerConfiguration.read(sources)
        } catch {
            throw Failure(
                error.problems.map { "  - \($0)" }, heading: "The configuration cannot be used:",
                advice: "`denwa config reference` lists the settings.")
        }
    }

    /// Configuration and logger, for commands that work on a server's data.
    func context() throws -> (ServerConfiguration, Logger) {
        let (configuration, warnings) = try configuration()
        var logger = Logger(label: "denwa") { label in
            LogOutput(label: label, level: configuration.logLevel, format: configuration.logFormat)
        }
        logger.logLevel = configuration.logLevel
        for warning in warnings { logger.warning("\(warning)") }
        return (configuration, logger)
    }
}

/// A command that failed, in words for the person who typed it; exit code 1.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init(_ lines: [String], heading: String, advice: String) {
        description = ([heading] + lines + [advice]).joined(separator: "\n")
    }
}
