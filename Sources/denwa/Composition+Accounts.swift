import AccountManagement
import Accounts
import Hummingbird
import Messaging
import OAuth
import PhoneLogin
import Storage
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Composition {
    static func accounts(
        _ parts: Parts, phone: PhoneLoginFlow, routing: MessageRouting, templates: MessageTemplates,
        doorbell: Doorbell
    ) -> AccountFlow {
        let configuration = parts.configuration
        return AccountFlow(
            store: parts.store, log: parts.store, phone: phone,
            passwords: PasswordHashing(
                memory: configuration.hashingMemoryMegabytes << 20, maximumWaiting: configuration.maximumWaitingHashes,
                // Half the processors at most: the others are for everybody who comes without a password.
                threads: max(1, ProcessInfo.processInfo.activeProcessorCount / 2), entropy: parts.entropy),
            settings: configuration.accounts, phoneSettings: configuration.phone, issuer: configuration.issuer,
            secret: parts.secret, routing: routing, templates: templates, doorbell: doorbell, entropy: parts.entropy)
    }

    /// The interfaces of the services that people come from.
    static func addServices(to router: Router<DenwaRequestContext>, _ parts: Parts, accounts: AccountFlow) {
        let configuration = parts.configuration
        let verifier = AccessTokenVerifier(issuer: configuration.issuer, keys: parts.keys)
        KiiEndpoints(
            accounts: accounts, registry: parts.registry, verifier: verifier, tokens: parts.store,
            authenticator: authenticator(parts),
            issuer: AccessTokenIssuer(
                issuer: configuration.issuer, keys: parts.keys, subjects: parts.subjects,
                settings: configuration.tokens, entropy: parts.entropy),
            refreshTokens: RefreshTokenDerivation(secret: parts.secret), tokenSettings: configuration.tokens,
            limitPerClient: configuration.tokenPerClient, log: parts.store, edge: parts.edge
        ).add(to: router)
        MonacaEndpoint(
            accounts: accounts, registry: parts.registry, sessions: configuration.sessions,
            tokens: configuration.tokens, edge: parts.edge
        ).add(to: router)
        UserPhoneEndpoints(
            accounts: accounts,
            userInfo: UserInfoEndpoint(
                acceptance: AccessTokenAcceptance(verifier: verifier, proofs: parts.proofs),
                registry: parts.registry, store: parts.store, subjects: parts.subjects),
            edge: parts.edge
        ).add(to: router)
        SDKEndpoint().add(to: router)
    }

    static func addAccountPages(
        to router: Router<DenwaRequestContext>, _ parts: Parts, accounts: AccountFlow, signInPages: SignInPages,
        pages: AccountPages
    ) {
        AccountEndpoints(
            accounts: accounts, sessions: parts.store, pages: pages, signInPages: signInPages,
            cookies: cookies(parts), registry: parts.registry, issuer: parts.configuration.issuer,
            entropy: parts.entropy, edge: parts.edge
        ).add(to: router)
    }
}
