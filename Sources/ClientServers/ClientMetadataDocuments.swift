package import DeveloperLog
import JOSE
package import OAuth
package import Time

/// Clients whose id is the URL of a document about themselves (draft-ietf-oauth-client-id-metadata-document).
///
/// A document is kept for as long as its server says, a minute at least and a day at most. A failure is kept for ten
/// seconds: whoever repeats a bad id makes this server ask no more often than that.
package final class ClientMetadataDocuments: ClientMetadataSource {
    private struct Kept: Sendable {
        let client: Client?
        let since: Timestamp
        let until: Timestamp
    }

    private static let failureSeconds = 10

    private let fetch: GuardedFetch
    private let rules: ClientMetadataRules
    private let log: any SecurityEventLog
    private let kept = FetchedOnce<ClientID, Kept>()

    package init(fetch: GuardedFetch, rules: ClientMetadataRules, log: any SecurityEventLog) {
        self.fetch = fetch
        self.rules = rules
        self.log = log
    }

    package func client(_ id: ClientID, at now: Timestamp) async throws -> Client? {
        guard let url = ClientServerURL(id.rawValue), url.isDocument else { return nil }
        let found = await kept.value(of: id) { kept in
            // A clock that was set back makes nothing last longer.
            kept.since <= now && now < kept.until
        } else: { _ in
            await read(id, at: now)
        }
        return found?.client
    }

    private func read(_ id: ClientID, at now: Timestamp) async -> Kept? {
        let reason: StaticString
        do {
            let reply = try await fetch.json(id.rawValue, onUsualPort: true)
            guard let document = try? JSONValue(parsing: reply.body).object else {
                throw OAuthError.invalidClientMetadata("the document is not a JSON object")
            }
            let client = try rules.document(document, at: id)
            return Kept(
                client: client, since: now, until: now.adding(seconds: CacheLifetime.seconds(reply.cacheControl)))
        } catch ClientServerFailure.busy {
            return nil
        } catch let failure as ClientServerFailure {
            reason = failure.reason
        } catch let error as OAuthError {
            reason = error.description
        } catch {
            reason = "the document cannot be used"
        }
        if Task.isCancelled { return nil }
        await note(reason, at: now)
        return Kept(client: nil, since: now, until: now.adding(seconds: Self.failureSeconds))
    }

    /// Why, for whoever runs the server. Neither the URL, which is a stranger's text, nor what was found there.
    private func note(_ reason: StaticString, at now: Timestamp) async {
        // No request is refused for a log that cannot be written: the caller is told as much as ever.
        try? await log.record(
            SecurityEvent(.clientMetadataRefused, at: now, origin: .clientMetadata, reason: reason))
    }
}

extension RequestOrigin {
    /// One fetch serves whoever waits for it, so it is nobody's request.
    fileprivate static let clientMetadata = RequestOrigin(requestID: "client-metadata", address: nil)
}
