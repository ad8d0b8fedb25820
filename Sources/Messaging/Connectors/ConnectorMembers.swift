import Cryptography
package import JOSE

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads one entry of `messaging.connectors`, and collects everything that is wrong with it.
package struct ConnectorMembers {
    package let type: String
    /// How routes, receipts, commands and the log call it: its type, unless it has a name of its own.
    package let name: String
    package private(set) var problems: [String] = []
    private let members: JSONObject
    private var read: Set<String> = ["type", "name"]
    /// Where providers report to.
    private let receiptBase: String
    private let isReachable: Bool
    private let environment: [String: String]

    package init(_ entry: JSONValue, receiptBase: String, isReachable: Bool, environment: [String: String]) {
        members = entry.object ?? JSONObject()
        type = entry["type"]?.string ?? ""
        name = entry["name"]?.string ?? type
        self.receiptBase = receiptBase
        self.isReachable = isReachable
        self.environment = environment
        let letters = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        }
        if !letters || !(1...32).contains(name.utf8.count) {
            report("\"name\" must be 1 to 32 small letters, digits and hyphens")
        }
    }

    package mutating func report(_ problem: String) { problems.append("connector \"\(name)\": \(problem)") }

    /// Members that nothing asked for, once everything has been read: most likely misspelt.
    package var unknown: [String] { members.members.map(\.name).filter { !read.contains($0) } }

    /// A text, or where it is: `{"env":"NAME"}` or `{"file":"/run/secrets/token"}`.
    package mutating func optionalText(_ member: String) -> String? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        // Ids that are numbers get written as numbers.
        if let text = value.string ?? value.integer.map(String.init) { return checked(text, member) }
        if let variable = value["env"]?.string {
            guard let text = environment[variable] else {
                report("\"\(member)\": there is no environment variable \(variable)")
                return ""
            }
            return checked(text, member)
        }
        if let path = value["file"]?.string {
            guard let data = FileManager.default.contents(atPath: path) else {
                report("\"\(member)\": \(path) cannot be read")
                return ""
            }
            let text = String(decoding: data, as: UTF8.self)
            return checked(text.hasSuffix("\n") ? String(text.dropLast()) : text, member)
        }
        report("\"\(member)\" must be a text, {\"env\":…} or {\"file\":…}")
        return ""
    }

    private mutating func checked(_ text: String, _ member: String) -> String {
        if text.isEmpty { report("\"\(member)\" must not be empty") }
        // It ends up in headers and in lines.
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            report("\"\(member)\" must be one line")
        }
        return text
    }

    package mutating func text(_ member: String) -> String {
        guard let text = optionalText(member) else {
            report("\"\(member)\" is missing")
            return ""
        }
        return text
    }

    package mutating func integer(_ member: String, _ fallback: Int, in range: ClosedRange<Int>) -> Int {
        optionalInteger(member, in: range) ?? fallback
    }

    package mutating func optionalInteger(_ member: String, in range: ClosedRange<Int>) -> Int? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        guard let integer = value.integer, range.contains(Int(integer)) else {
            report("\"\(member)\" must be an integer from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return Int(integer)
    }

    package mutating func flag(_ member: String, _ fallback: Bool) -> Bool {
        read.insert(member)
        guard let value = members[member] else { return fallback }
        guard let flag = value.bool else {
            report("\"\(member)\" must be true or false")
            return fallback
        }
        return flag
    }

    package mutating func texts(_ member: String) -> [String]? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            report("\"\(member)\" must be a list of texts")
            return nil
        }
        return texts
    }

    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ member: String, _ fallback: Choice
    ) -> Choice where Choice.RawValue == String {
        guard let text = optionalText(member) else { return fallback }
        guard let choice = Choice(rawValue: text) else {
            report("\"\(member)\" must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
            return fallback
        }
        return choice
    }

    /// As it is written, for members with a shape of their own.
    package mutating func value(_ member: String) -> JSONValue? {
        read.insert(member)
        return members[member]
    }

    /// What every HTTP connector has.
    ///
    /// - Parameter canReport: whether this connector understands the provider's receipts.
    package mutating func http(baseURL fallback: String?, canReport: Bool = false) -> HTTPSettings {
        let baseURL = fallback.map { optionalText("baseURL") ?? $0 } ?? text("url")
        let member = fallback == nil ? "url" : "baseURL"
        // A whole URL may have a query; paths are put behind a base.
        if !baseURL.isEmpty, !Self.isURL(baseURL, mayHaveQuery: fallback == nil) {
            report(
                "\"\(member)\" must be an http or https URL without user and fragment"
                    + (fallback == nil ? "" : ", and without a query"))
        }
        let seconds = integer("timeoutSeconds", 10, in: 1...60)
        var receiptURL: String?
        // A member of every HTTP connector, though not every provider reports.
        let isWanted = flag("receipts", isReachable)
        if canReport, isWanted { receiptURL = "\(receiptBase)/\(name)" }
        return HTTPSettings(
            baseURL: fallback != nil && baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL,
            timeoutSeconds: seconds, receiptURL: receiptURL)
    }

    private static func isURL(_ text: String, mayHaveQuery: Bool) -> Bool {
        let rest =
            text.hasPrefix("https://") ? text.dropFirst(8) : text.hasPrefix("http://") ? text.dropFirst(7) : ""
        return !rest.isEmpty && !rest.hasPrefix("/")
            && (mayHaveQuery || !rest.contains("?"))
            && rest.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"#@\\\"<>".utf8.contains($0) }
    }

    /// The order in which a provider's template takes its parts.
    package mutating func templateParameters() -> [MessageParameter] {
        let names = texts("templateParameters") ?? [MessageParameter.code.rawValue]
        let parameters = names.compactMap(MessageParameter.init(rawValue:))
        if parameters.count != names.count || !parameters.contains(.code) {
            let known = MessageParameter.allCases.map(\.rawValue).joined(separator: ", ")
            report("\"templateParameters\" must be among \(known), with code")
        }
        return parameters
    }
}
