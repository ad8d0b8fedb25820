import Hummingbird
import OAuth
import Web

extension Composition {
    /// Devices without a keyboard (RFC 8628): how they ask, and the pages that let them in.
    static func addDeviceFlow(
        to router: Router<DenwaRequestContext>, _ parts: Parts, signInPages: SignInPages, library: PageLibrary
    ) {
        let configuration = parts.configuration
        let userCodes = UserCodeKey(secret: parts.secret)
        DeviceAuthorizationEndpoints(
            endpoint: DeviceAuthorizationEndpoint(
                authenticator: authenticator(parts), proofs: ProofOfPossession(dpop: parts.proofs),
                store: parts.store, userCodes: userCodes, issuer: configuration.issuer,
                settings: configuration.device, entropy: parts.entropy),
            verification: DeviceVerificationAddress(issuer: configuration.issuer), edge: parts.edge
        ).add(to: router)
        DevicePageEndpoints(
            verification: DeviceVerification(
                registry: parts.registry, store: parts.store, userCodes: userCodes,
                limitPerIP: configuration.device.userCodePerIP, entropy: parts.entropy),
            pages: DevicePages(library: library), signInPages: signInPages, cookies: cookies(parts),
            signIn: OwnSignIn(issuer: configuration.issuer, entropy: parts.entropy), edge: parts.edge
        ).add(to: router)
    }
}
