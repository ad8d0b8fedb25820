package import DeveloperLog
package import Messaging
import OAuth
package import RateLimiting
package import Time

/// What became of the text of an operation.
package struct TextState: Sendable, Equatable {
    package let state: MessageState
    /// When its code dies.
    package let expiresAt: Timestamp

    /// - Parameter state: of the message; `nil` for a test number, which gets none.
    package init(_ state: MessageState?, expiresAt: Timestamp, at now: Timestamp) {
        self.expiresAt = expiresAt
        switch state ?? .sent {
        case .queued, .sent, .expired: self.state = now < expiresAt ? state ?? .sent : .expired
        case .delivered: self.state = .delivered
        case .failed: self.state = .failed
        }
    }
}

package enum TextStateOutcome: Sendable, Equatable {
    case known(TextState)
    case unknown
    case limited(LimitRefusal)
}

extension PhoneLoginFlow {
    /// Tells the client that began an operation whether its text arrived, so that it can offer another try.
    package func textState(
        operationID: String, clientID: String?, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> TextState {
        let client = try await client(clientID, at: now)
        let charge = LimitCharge(.pollPerIP, settings.pollPerIP, subject: origin.address ?? "")
        let outcome: TextStateOutcome
        do {
            outcome = try await store.textState(
                of: operationID, client: client.id, charging: [charge].compactMap(\.self), at: now)
        } catch {
            throw .unavailable(error)
        }
        switch outcome {
        case .known(let state): return state
        case .unknown: throw .operationUnknown
        case .limited(let refusal): throw .limited(refusal)
        }
    }
}
