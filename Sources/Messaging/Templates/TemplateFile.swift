import JOSE

/// The operator's own wordings: `{"templates":[{"purpose","channel","client","locale","text","subject"}]}`.
package struct TemplateFile {
    /// Everything that is wrong with a file, in words for its author.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let problems: [String]
        package var description: String { problems.joined(separator: "; ") }
    }

    /// The built-in wordings with those of the file.
    package static func catalogue(parsing bytes: [UInt8]) throws(Failure) -> TemplateCatalogue {
        guard let entries = (try? JSONValue(parsing: bytes))?["templates"]?.array else {
            throw Failure(problems: ["not JSON with a list of \"templates\""])
        }
        var catalogue = TemplateCatalogue()
        var problems: [String] = []
        var readings: [(entry: Entry, client: String?)] = []
        for (index, entry) in entries.enumerated() {
            let reading = Entry(entry)
            problems += reading.problems.map { "entry \(index + 1): \($0)" }
            readings.append((reading, entry["client"]?.string))
        }
        guard problems.isEmpty else { throw Failure(problems: problems) }
        // `zh` is for every kind of Chinese, so it comes before those that name one.
        let (all, named) = (readings.filter { $0.entry.isAnyChinese }, readings.filter { !$0.entry.isAnyChinese })
        for (entry, client) in all + named {
            catalogue.add(entry.wording, entry.template, entry.channel, client, entry.locale)
            if entry.isAnyChinese {
                catalogue.add(entry.wording, entry.template, entry.channel, client, tag: "zh", entry.locale)
            }
        }
        return catalogue
    }
}

private struct Entry {
    private(set) var problems: [String] = []
    private(set) var template = MessageTemplate.signInCode
    private(set) var channel = MessageChannel.sms
    private(set) var locale = MessageLocale.fallback
    private(set) var wording = TemplateWording(text: "", subject: nil)

    var isAnyChinese: Bool { locale.lowercased() == "zh" }

    init(_ entry: JSONValue) {
        for name in entry.object?.members.map(\.name) ?? []
        where !["purpose", "channel", "client", "locale", "text", "subject"].contains(name) {
            problems.append("there is no member \"\(name)\"")
        }
        if let purpose = entry["purpose"]?.string.flatMap(MessageTemplate.init(rawValue:)) {
            template = purpose
        } else {
            let known = MessageTemplate.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append("\"purpose\" must be one of \(known)")
        }
        if let value = entry["channel"] {
            guard let known = value.string.flatMap(MessageChannel.init(rawValue:)) else {
                problems.append("\"channel\" must be sms or email")
                return
            }
            channel = known
        }
        if let value = entry["client"], value.string?.isEmpty ?? true {
            problems.append("\"client\" must be a client_id")
        }
        if let value = entry["locale"] {
            guard let tag = value.string, MessageLocale.isTag(tag) else {
                problems.append("\"locale\" must be a BCP 47 tag such as pt-BR")
                return
            }
            locale = tag
        }
        readWords(entry)
    }

    private mutating func readWords(_ entry: JSONValue) {
        guard let written = entry["text"]?.string, !written.isEmpty else {
            problems.append("\"text\" is missing")
            return
        }
        if written.utf16.count > 1000 { problems.append("\"text\" is longer than 1000 characters") }
        // Other services write their places with two braces.
        let text = written.replacing("{{", with: "{").replacing("}}", with: "}")
        check(text, "text", isWhole: true)
        let subject = entry["subject"]?.string?.replacing("{{", with: "{").replacing("}}", with: "}")
        if channel == .email {
            if let subject {
                check(subject, "subject", isWhole: false)
            } else {
                problems.append("\"subject\" is missing")
            }
        } else if subject != nil {
            problems.append("\"subject\" is for e-mail")
        }
        wording = TemplateWording(text: text, subject: subject)
    }

    /// - Parameter isWhole: the words themselves, which must have every place that the purpose needs.
    private mutating func check(_ text: String, _ member: String, isWhole: Bool) {
        if text.count(where: { $0 == "{" }) != text.count(where: { $0 == "}" }) {
            problems.append("\"\(member)\" has a brace without its other half")
        }
        var allowed = template.allowed
        if !isWhole { allowed.remove(.link) }
        var found: Set<MessageParameter> = []
        for place in Self.places(in: text) {
            if let parameter = MessageParameter(rawValue: place), allowed.contains(parameter) {
                found.insert(parameter)
            } else {
                problems.append("\"\(member)\" has a place {\(place)} that nothing fills here")
            }
        }
        guard isWhole else { return }
        for parameter in MessageParameter.allCases
        where template.required.contains(parameter) && !found.contains(parameter) {
            problems.append("\"\(member)\" lacks {\(parameter.rawValue)}")
        }
    }

    /// What stands between braces; a brace that is not closed counts to the end.
    private static func places(in text: String) -> [String] {
        text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().map { part in
            String(part.prefix { $0 != "}" })
        }
    }
}
