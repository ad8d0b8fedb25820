import Accounts
import Cryptography
package import DeveloperLog
package import OAuth
import RateLimiting
package import Time

/// The link of a text, opened: who asks, and since when.
package struct LinkPage: Sendable {
    package let client: Client
    package let startedAt: Timestamp
    package let askingDevice: String?
    /// True in the browser where the person typed the number.
    package let isSameBrowser: Bool
}

/// What a person's answer to a link came to.
package enum LinkAnswer: Sendable {
    case approved
    /// The same browser goes on where it was.
    case signedIn(BrowserSignedIn)
    case denied
    case gone
}

extension PhoneLoginFlow {
    /// Denwa's own link page: client file entries that register it turn links on.
    package var linkPage: String { issuer.appending("/login/link") }

    /// What a link is about. Looking changes nothing: previews, scanners and prefetching look too.
    package func link(
        operationID: String, token: String, browser: String?, at now: Timestamp
    ) async throws(PhoneLoginError) -> LinkPage? {
        let operation: LinkedOperation?
        let client: Client?
        do {
            operation = try await store.linkedOperation(operationID, link: SHA256Digest(of: token), at: now)
            client = if let operation { try await registry.recall(operation.client, at: now) } else { nil }
        } catch {
            throw .unavailable(error)
        }
        guard let operation, let client else { return nil }
        return LinkPage(
            client: client, startedAt: operation.startedAt, askingDevice: operation.askingDevice,
            isSameBrowser: browser.map { SHA256Digest(of: $0) } == operation.browser && browser != nil)
    }

    /// Takes a person's explicit yes or no.
    package func decide(
        operationID: String, token: String, isApproved: Bool, with browser: BrowserCredentials?,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> LinkAnswer {
        let sessionToken = entropy.token()
        let decision = LinkDecision(
            operationID: operationID, link: SHA256Digest(of: token), isApproved: isApproved,
            browser: browser.map {
                (SHA256Digest(of: $0.browser), newSession(sessionToken, for: $0, at: now))
            },
            newAccount: AccountID(entropy.uuid()), idleBefore: idleBefore(now),
            replacement: OneTimeCode(length: settings.codeLength, entropy: entropy), codeSeal: codeSeal,
            confirmed: confirmedTraffic)
        let charge = LimitCharge(.confirmPerIP, settings.confirmPerIP, subject: origin.address ?? "")
        let outcome: LinkOutcome
        do {
            outcome = try await store.decide(decision, charging: [charge].compactMap(\.self), from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
        switch outcome {
        case .approved(let operations):
            for id in operations { waiting.tell(.approved, of: id) }
            return .approved
        case .signedIn(let passed):
            waiting.tell(.finished, of: operationID)
            return .signedIn(
                signedIn(
                    passed, by: operationID, token: sessionToken, deviceIDs: browser?.deviceIDs ?? [], at: now))
        case .denied(let operations):
            for id in operations { waiting.tell(.denied, of: id) }
            return .denied
        case .gone: return .gone
        case .accountDisabled: throw .accountDisabled(nil)
        case .limited(let refusal): throw .limited(refusal)
        }
    }

    /// An app's long poll: the value that stands for the code, as soon as the person approved; `nil` when the
    /// time is up.
    package func awaitApproval(
        projectID: String?, number: String?, operationID: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> String? {
        guard let projectID, let number, let operationID else { throw .parameterMissing }
        guard let client = registry.client(ofProject: projectID) else { throw .unknownClient }
        let holder = LinkHolder.app(
            client.id, isFor: { identity in Self.stands(number, for: identity, at: client, now: now) })
        switch try await news(of: operationID, for: holder, from: origin, at: now) {
        case .waiting: return nil
        case .approved: return approvals.value(for: operationID)
        case .denied, .finished, .gone: throw .operationUnknown
        case .limited(let refusal): throw .limited(refusal)
        }
    }

    /// The same for the browser whose page waits.
    package func awaitApproval(
        of signIn: BrowserSignIn, browser: String, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> LinkState {
        let state = try await news(
            of: signIn.operationID, for: .browser(SHA256Digest(of: browser)), from: origin, at: now)
        if case .limited(let refusal) = state { throw .limited(refusal) }
        return state
    }

    /// Listens first and looks then, so that an answer in between is not missed; looks once more at the end, for
    /// an answer that another process took.
    private func news(
        of operationID: String, for holder: LinkHolder, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> LinkState {
        let news = waiting.news(of: operationID)
        let charge = LimitCharge(.pollPerIP, settings.pollPerIP, subject: origin.address ?? "")
        do {
            let state = try await store.linkState(
                of: operationID, askedBy: holder, charging: [charge].compactMap(\.self), at: now)
            guard state == .waiting else { return state }
            if let heard = await Self.first(of: news, within: settings.linkPollSeconds) { return heard }
            return try await store.linkState(
                of: operationID, askedBy: holder, charging: [], at: now.adding(seconds: settings.linkPollSeconds))
        } catch {
            throw .unavailable(error)
        }
    }

    /// Waits in real time and decides nothing by it: what holds at the end is read from the store again.
    private static func first(of news: AsyncStream<LinkState>, within seconds: Int) async -> LinkState? {
        await withTaskGroup(of: LinkState?.self) { group in
            group.addTask { await news.first { _ in true } }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
