package import Accounts
package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

/// What the person gets to see next at `/device`.
package enum DeviceStep: Sendable {
    /// The code is no device's: wrong, expired or used.
    case unknown
    /// Somebody has to sign in before they are asked.
    case signIn(UserCode)
    case question(DeviceQuestion)
    case allowed(Client)
    case denied(Client)
}

/// May this device come in?
package struct DeviceQuestion: Sendable {
    package let userCode: UserCode
    package let client: Client
    package let scope: Scope
    package let askingDevice: String?
    package let session: Session
}

package enum DeviceVerificationFailure: Error, Sendable {
    case limited(LimitRefusal)
    case unavailable(any Error)
}

/// What a person does about a device that waits (RFC 8628 §3.3), without its pages.
package struct DeviceVerification: Sendable {
    private let registry: ClientRegistry
    private let store: any DeviceAuthorizationStore
    private let userCodes: UserCodeKey
    private let limitPerIP: Limit?
    private let entropy: Entropy

    package init(
        registry: ClientRegistry, store: any DeviceAuthorizationStore, userCodes: UserCodeKey, limitPerIP: Limit?,
        entropy: Entropy
    ) {
        self.registry = registry
        self.store = store
        self.userCodes = userCodes
        self.limitPerIP = limitPerIP
        self.entropy = entropy
    }

    private static let limitInAll = Limit(count: 20_000, windowSeconds: 300)

    /// Looks at a code, with the session that the browser's cookie may stand for. Answers nothing.
    package func step(
        _ typed: String, session token: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(DeviceVerificationFailure) -> DeviceStep {
        try await present(typed, session: token, decision: nil, from: origin, at: now)
    }

    /// Takes the person's answer. Whoever signed in or out meanwhile is asked again.
    package func step(
        _ typed: String, session token: String?, answer: ConsentDecision, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(DeviceVerificationFailure) -> DeviceStep {
        let decision = DeviceDecision(
            session: answer.session, isAllowed: answer.isAllowed, grant: GrantID(entropy.identifier(at: now)),
            maySignIn: { session, request in
                // The page that asked has found it.
                registry[request.client].map { $0.waitsForDevices && session.maySignIn(to: $0, at: now) } ?? false
            }, isToldOfLogout: { registry[$0]?.backchannelLogoutURI != nil })
        return try await present(typed, session: token, decision: decision, from: origin, at: now)
    }

    private func present(
        _ typed: String, session token: String?, decision: DeviceDecision?, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(DeviceVerificationFailure) -> DeviceStep {
        let userCode = UserCode(typed)
        let presentation = UserCodePresentation(
            userCode: userCode.map(userCodes.digest), session: token.map { SHA256Digest(of: $0) }, decision: decision)
        let charges = [
            LimitCharge(.userCodePerIP, limitPerIP, subject: origin.address ?? ""),
            // Whoever has many addresses guesses for all devices that wait (RFC 8628 §5.1).
            LimitCharge(.userCodeInAll, limitPerIP == nil ? nil : Self.limitInAll, subject: ""),
        ].compactMap(\.self)
        let outcome: UserCodeOutcome
        do {
            outcome = try await store.present(
                presentation, charging: charges, from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
        switch outcome {
        case .limited(let refusal): throw .limited(refusal)
        case .unknown: return .unknown
        case .waiting(let request, let session):
            guard let userCode, let client = await client(of: request, at: now) else { return .unknown }
            guard let session, session.maySignIn(to: client, at: now) else { return .signIn(userCode) }
            return .question(
                DeviceQuestion(
                    userCode: userCode, client: client, scope: request.scope, askingDevice: request.askingDevice,
                    session: session))
        case .answered(let request):
            guard let client = await client(of: request, at: now) else { return .unknown }
            return decision?.isAllowed == true ? .allowed(client) : .denied(client)
        }
    }

    /// A reload of the client file counts at once, also for devices that wait.
    private func client(of request: DeviceRequest, at now: Timestamp) async -> Client? {
        guard let client = try? await registry.recall(request.client, at: now), client.waitsForDevices else {
            return nil
        }
        return client
    }
}

extension Client {
    fileprivate var waitsForDevices: Bool { grantTypes.contains(.deviceCode) }
}
