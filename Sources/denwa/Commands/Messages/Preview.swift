import ArgumentParser
import JOSE
import Messaging
import OAuth
import PhoneLogin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension MessagesCommand {
    struct Preview: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a text in every language, with what it takes of a text message.",
            discussion: """
                Providers charge by the segment: 160 characters of GSM-7, or 70 of UCS-2 as soon as one character is \
                outside GSM-7; a little less each when a text needs several.
                """)
        @Option(help: "What the text is for: sign_in_code, verification_code, number_changed, …") var purpose =
            MessageTemplate.signInCode.rawValue
        @Option(help: "sms or email.") var channel = MessageChannel.sms.rawValue
        @Option(help: "With this client's name and own words; else with the server's name.") var client: String?
        @Option(help: "Only for somebody who wishes for this language, BCP 47.") var locale: String?
        @Flag(help: "One JSON object a language.") var json = false

        func validate() throws {
            if MessageTemplate(rawValue: purpose) == nil {
                let known = MessageTemplate.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--purpose must be one of \(known)")
            }
            if MessageChannel(rawValue: channel) == nil { throw ValidationError("--channel must be sms or email") }
        }

        func run() async throws {
            let (configuration, _) = try Invocation.current.context()
            let template = MessageTemplate(rawValue: purpose) ?? .signInCode
            let channel = MessageChannel(rawValue: channel) ?? .sms
            let registered = try registeredClient()
            let text = MessageText(
                code: template.required.contains(.code)
                    ? String("123456789012".prefix(configuration.phone.codeLength)) : nil,
                appName: registered?.name ?? configuration.brandName,
                minutes: max(1, configuration.phone.codeLifetimeSeconds / 60),
                link: Self.link(template, configuration, registered),
                webOTPDomain: registered.map { $0.webOTPDomain ?? nil } ?? configuration.issuer.host,
                androidAppHash: registered?.androidAppHash)
            let catalogue = try Composition.readTemplates(configuration)
            let wishes = locale.map { [$0] } ?? catalogue.locales(of: template, channel: channel, client: client ?? "")
            for wish in wishes {
                let (language, wording) = catalogue.wording(
                    of: template, channel: channel, client: client ?? "", wishes: [wish])
                show(text.content(of: wording, channel: channel), in: language, channel)
            }
        }

        private func registeredClient() throws -> Client? {
            guard let client else { return nil }
            guard let found = try ClientsCommand.file().0.clients.first(where: { $0.id.rawValue == client }) else {
                throw Failure("There is no client \"\(client)\".")
            }
            return found
        }

        /// As long as a real one: an operation's id and a token.
        private static func link(
            _ template: MessageTemplate, _ configuration: ServerConfiguration, _ client: Client?
        ) -> String? {
            guard template.required.contains(.link) else { return nil }
            let (id, token) = (String(repeating: "i", count: 22), String(repeating: "t", count: 43))
            guard template != .numberChanged else {
                return configuration.issuer.appending("/account/undo?token=\(token)")
            }
            let page = client?.linkURIs.first?.text ?? configuration.issuer.appending("/login/link")
            return "\(page)?operation_id=\(id)&link_token=\(token)"
        }

        private static func warning(_ length: MessageLength) -> String {
            "costs \(length.segments) segments a text: shorten it, or the app's name"
        }

        private func show(_ content: MessageContent, in language: String, _ channel: MessageChannel) {
            let length = MessageLength(of: content.body)
            if json {
                var members: JSONObject = ["locale": .string(language), "text": .string(content.body)]
                if let subject = content.subject { members["subject"] = .string(subject) }
                if channel == .sms {
                    members["encoding"] = .string(length.encoding.rawValue)
                    members["length"] = .integer(Int64(length.units))
                    members["segments"] = .integer(Int64(length.segments))
                    if length.segments > 1 { members["warning"] = .string(Self.warning(length)) }
                }
                return print(JSONValue.object(members).serializedText)
            }
            let size = "\(length.encoding.rawValue), \(length.units) characters, \(length.segments) segment(s)"
            print(channel == .sms ? "\(language): \(size)" : "\(language): \(content.subject ?? "")")
            for line in content.body.split(separator: "\n", omittingEmptySubsequences: false) { print("    \(line)") }
            if channel == .sms, length.segments > 1 {
                print("  ! \(Self.warning(length))")
            }
            print("")
        }
    }
}
