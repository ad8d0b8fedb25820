import ClientServers
import DeveloperLog
import Hummingbird
import OAuth
import Web

/// Clients that register or describe themselves, and the way to their servers.
extension Composition {
    /// The way to clients' servers. One for the operator's clients, and one for those that describe themselves: each
    /// has bounds of its own, so that strangers use up only theirs.
    static func clientServers(_ configuration: ServerConfiguration) -> GuardedFetch {
        GuardedFetch(
            AddressRules(allowedNetworks: configuration.clientNetworks, allowsHTTP: !configuration.isProduction))
    }

    static func documents(
        _ configuration: ServerConfiguration, _ fetch: GuardedFetch, log: any SecurityEventLog
    ) -> (any ClientMetadataSource)? {
        guard configuration.readsClientDocuments else { return nil }
        return ClientMetadataDocuments(
            fetch: fetch, rules: ClientMetadataRules(scope: configuration.registration.scope), log: log)
    }

    static func addRegistration(to router: Router<DenwaRequestContext>, _ parts: Parts) {
        guard parts.configuration.registration.mode != .off else { return }
        RegistrationEndpoints(
            registration: RegistrationEndpoint(
                settings: parts.configuration.registration, store: parts.store, registry: parts.registry,
                log: parts.store, issuer: parts.configuration.issuer, entropy: parts.entropy),
            edge: parts.edge
        ).add(to: router)
    }
}
