package import OAuth
package import PhoneLogin

// What a race is counted by: outcomes without what they carry.

extension PhoneOperationStart {
    package enum Kind: Sendable, Equatable {
        case started, exhausted, limited, blocked, overBudget
    }

    package var kind: Kind {
        switch self {
        case .started: .started
        case .exhausted: .exhausted
        case .limited: .limited
        case .blocked: .blocked
        case .overBudget: .overBudget
        }
    }
}

extension PhoneGuessOutcome {
    package enum Kind: Sendable, Equatable {
        case passed, wrong, exhausted, unknown, accountDisabled, limited
    }

    package var kind: Kind {
        switch self {
        case .passed: .passed
        case .wrong: .wrong
        case .exhausted: .exhausted
        case .unknown: .unknown
        case .accountDisabled: .accountDisabled
        case .limited: .limited
        }
    }
}

extension LinkOutcome {
    package enum Kind: Sendable, Equatable {
        case approved, signedIn, denied, gone, accountDisabled, limited
    }

    package var kind: Kind {
        switch self {
        case .approved: .approved
        case .signedIn: .signedIn
        case .denied: .denied
        case .gone: .gone
        case .accountDisabled: .accountDisabled
        case .limited: .limited
        }
    }

    /// The operations that the answer was for.
    package var operations: Set<String> {
        switch self {
        case .approved(let operations), .denied(let operations): Set(operations)
        default: []
        }
    }
}

extension CodeRedemption {
    package enum Kind: Sendable, Equatable {
        case redeemed, mismatched(CodeMismatch), replayed, unknown, limited
    }

    package var kind: Kind {
        switch self {
        case .redeemed: .redeemed
        case .mismatched(let mismatch): .mismatched(mismatch)
        case .replayed: .replayed
        case .unknown: .unknown
        case .limited: .limited
        }
    }

    package var grant: Grant? {
        guard case .redeemed(let grant, _) = self else { return nil }
        return grant
    }
}

extension RefreshRotation {
    package enum Kind: Sendable, Equatable {
        case rotated, reused, refused, unknown, limited
    }

    package var kind: Kind {
        switch self {
        case .rotated: .rotated
        case .reused: .reused
        case .refused: .refused
        case .unknown: .unknown
        case .limited: .limited
        }
    }

    package var grant: Grant? {
        guard case .rotated(let grant) = self else { return nil }
        return grant
    }
}

extension PhoneGuessOutcome {
    package var isAccountDisabled: Bool {
        if case .accountDisabled = self { return true }
        return false
    }
}
