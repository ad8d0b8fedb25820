import ArgumentParser
import Cryptography
import Messaging
import OutboundHTTP
import PhoneLogin
import PhoneNumbers
import Time

extension MessagesCommand {
    /// One real text through one connector, past the outbox and the guard: whoever can run this has the keys anyway.
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send one real text through one connector and show the provider's own answer.",
            discussion: "The text is an ordinary one, with a code that opens nothing. It costs what a text costs.")
        @Option(help: "The connector's name; its type, unless it has a name of its own.") var connector: String
        @Option(help: "A number such as +819012345678, or an e-mail address for an e-mail connector.") var to: String
        @Option(help: "The language of the text, BCP 47.") var locale: String = "en"

        func run() async throws {
            let (configuration, _) = try Invocation.current.context()
            guard let configured = configuration.connectors.first(where: { $0.name == connector }) else {
                let names = configuration.connectors.map(\.name).joined(separator: ", ")
                throw Failure("There is no connector \"\(connector)\"; configured: \(names).")
            }
            let now = WallClock.system.now()
            let message = try message(for: configured, configuration, at: now)
            let result: SendResult
            if let http = configured.connector as? any HTTPConnector {
                let exchange = await http.exchange(message, at: now)
                if let reply = exchange.reply { show(reply, hiding: message) }
                result = exchange.result
            } else {
                result = await configured.connector.send(message, at: now)
            }
            let answer = result.answer.description
            print("\(result.outcome.name)\(answer.isEmpty ? "" : ": \(answer)")")
            if case .accepted(let id?) = result.outcome { print("The provider calls it \(id).") }
            guard case .accepted = result.outcome else { throw ExitCode.failure }
        }

        private func message(
            for configured: ConfiguredConnector, _ configuration: ServerConfiguration, at now: Timestamp
        ) throws -> TextMessage {
            let channel: MessageChannel = to.contains("@") ? .email : .sms
            guard configured.connector.channels.contains(channel) else {
                throw Failure(
                    channel == .email
                        ? "This connector sends no e-mail: give a number with --to."
                        : "This connector sends e-mail: give an address with --to.")
            }
            var recipient = to
            var region = ""
            if channel == .sms {
                do {
                    let phone = try PhoneNumber(e164Input: to)
                    (recipient, region) = (phone.e164, phone.region)
                } catch {
                    throw Failure("--to must be a phone number with its country code, such as +819012345678.")
                }
            }
            let catalogue = try Composition.readTemplates(configuration)
            let (language, wording) = catalogue.wording(
                of: .signInCode, channel: channel, client: "", wishes: [locale])
            let text = MessageText(
                code: Entropy.system.decimalCode(length: configuration.phone.codeLength),
                appName: configuration.brandName, minutes: max(1, configuration.phone.codeLifetimeSeconds / 60),
                link: nil, webOTPDomain: nil, androidAppHash: nil)
            return TextMessage(
                id: Entropy.system.identifier(), channel: channel, recipient: recipient, region: region,
                content: text.content(of: wording, channel: channel), template: .signInCode, locale: language,
                clientID: "test", createdAt: now,
                expiresAt: now.adding(seconds: configuration.phone.codeLifetimeSeconds))
        }

        /// As it came, but for what would make a terminal do something.
        private func show(_ reply: OutboundReply, hiding message: TextMessage) {
            print("HTTP \(reply.status)")
            let digits = String(message.recipient.drop { $0 == "+" })
            let masked = PhoneNumber(trusted: message.recipient, region: "", lineType: .unknown).masked
            // Answers get pasted into tickets.
            let text = String(decoding: reply.body.prefix(4096), as: UTF8.self)
                .replacing("+\(digits)", with: masked).replacing(digits, with: masked)
                .unicodeScalars.map { scalar in
                    scalar.properties.generalCategory == .control && scalar != "\n" ? " " : String(scalar)
                }
            if !text.isEmpty { print(text.joined()) }
        }
    }
}
