import JOSE
package import Logging
import OAuth
import OutboundHTTP

/// PlayFab's Server API: `LoginWithServerCustomId`, with the user's subject as the custom id.
package struct PlayFab: PlayFabLogin {
    package struct Settings: Sendable, Equatable {
        package let secretKey: String
        /// `https://<title id>.playfabapi.com`, without a slash at the end.
        package let baseURL: String

        package init(secretKey: String, baseURL: String) {
            self.secretKey = secretKey
            self.baseURL = baseURL
        }
    }

    private let settings: Settings?
    private let logger: Logger

    /// A person waits for it.
    private static let timeoutSeconds = 3
    /// It travels in every request of the token's holder.
    private static let longestTicket = 2048

    /// - Parameter settings: `nil`: nobody gets a ticket, and the log says why.
    package init(_ settings: Settings?, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    package func sessionTicket(for subject: String) async -> String? {
        guard let settings else {
            logger.warning("no PlayFab session ticket", metadata: ["reason": "playfab.* is not configured"])
            return nil
        }
        let body: JSONValue = ["ServerCustomId": .string(subject), "CreateAccount": true]
        let request = OutboundRequest(
            url: "\(settings.baseURL)/Server/LoginWithServerCustomId",
            headers: [("Content-Type", "application/json"), ("X-SecretKey", settings.secretKey)],
            body: body.serialized())
        let reply: OutboundReply
        do throws(OutboundFailure) {
            reply = try await OutboundHTTP().send(request, within: Self.timeoutSeconds)
        } catch {
            logger.warning("no PlayFab session ticket", metadata: ["reason": "\(error)"])
            return nil
        }
        let json = try? JSONValue(parsing: reply.body)
        guard reply.isSuccess, let ticket = json?["data"]?["SessionTicket"]?.string,
            (1...Self.longestTicket).contains(ticket.utf8.count)
        else {
            // `error` is one of PlayFab's names for what went wrong; its message may repeat what was sent.
            let name = json?["error"]?.string.map { String($0.filter { $0.isASCII && $0.isLetter }.prefix(64)) }
            logger.warning(
                "no PlayFab session ticket",
                metadata: ["status": "\(reply.status)", "error": "\(name ?? "none given")"])
            return nil
        }
        return ticket
    }
}

/// Holds a secret key, and the libraries that run services print what they hold.
extension PlayFab: CustomStringConvertible, CustomReflectable {
    package var description: String { "PlayFab" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
