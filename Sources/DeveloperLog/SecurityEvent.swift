package import Time

/// One line of the developer log: who was refused or lost access, and why.
///
/// Written in the same transaction as what it records. It never holds a secret, a code, a token or a whole
/// phone number: `phone` is masked by its type's own rule before it gets here, and `reason` is a literal.
package struct SecurityEvent: Sendable, Equatable {
    package let at: Timestamp
    package let kind: Kind
    package let requestID: String
    package let clientID: String?
    /// Whose account it is about, when that is known.
    package let accountID: String?
    package let phone: String?
    package let address: String?
    /// The limit or rule that decided, for instance `sendPerNumber` or `lineType`.
    package let rule: String?
    package let reason: String
    /// When the refusal lifts, if time alone lifts it.
    package let retryAfterSeconds: Int?
    /// What was counted, or a provider's own words: figures, codes and names from the configuration, nothing that a
    /// stranger wrote.
    package let figures: String?

    package init(
        _ kind: Kind, at: Timestamp, origin: RequestOrigin, clientID: String? = nil,
        accountID: String? = nil, phone: String? = nil, rule: String? = nil, reason: StaticString,
        retryAfterSeconds: Int? = nil, figures: String? = nil
    ) {
        self.at = at
        self.kind = kind
        self.requestID = origin.requestID
        self.clientID = clientID
        self.accountID = accountID
        self.phone = phone
        self.address = origin.address
        self.rule = rule
        self.reason = "\(reason)"
        self.retryAfterSeconds = retryAfterSeconds
        self.figures = figures
    }

    /// For rows read back from the store.
    package init(
        kind: Kind, at: Timestamp, requestID: String, clientID: String?, accountID: String?, phone: String?,
        address: String?, rule: String?, reason: String, retryAfterSeconds: Int?, figures: String?
    ) {
        self.at = at
        self.kind = kind
        self.requestID = requestID
        self.clientID = clientID
        self.accountID = accountID
        self.phone = phone
        self.address = address
        self.rule = rule
        self.reason = reason
        self.retryAfterSeconds = retryAfterSeconds
        self.figures = figures
    }
}

extension SecurityEvent {
    package enum Kind: String, Sendable, CaseIterable {
        case sendRefused = "send.refused"
        case numberRefused = "number.refused"
        case guessWrong = "guess.wrong"
        case guessRefused = "guess.refused"
        case operationUnknown = "operation.unknown"
        case accountRefused = "account.refused"
        case accountDisabled = "account.disabled"
        case accountEnabled = "account.enabled"
        case clientAuthenticationFailed = "client.authentication_failed"
        case clientRegistered = "client.registered"
        case clientChanged = "client.changed"
        case clientDeleted = "client.deleted"
        case clientRegistrationRefused = "client.registration_refused"
        /// A document that describes a client could not be had, or breaks the rules.
        case clientMetadataRefused = "client.metadata_refused"
        case redirectRefused = "redirect.refused"
        case codeRefused = "code.refused"
        case codeReplayed = "code.replayed"
        case refreshRefused = "refresh.refused"
        case refreshReused = "refresh.reused"
        case tokenRevoked = "token.revoked"
        case tokenRefused = "token.refused"
        case scopeRefused = "scope.refused"
        case messageFailed = "message.failed"
        case messageMovedOn = "message.moved_on"
        case receiptRefused = "receipt.refused"
        /// What the guard would have refused, had it not only been watching.
        case guardDryRun = "guard.dry_run"
        case budgetAlert = "budget.alert"
        case authorizationRefused = "authorization.refused"
        case linkRefused = "link.refused"
        case linkDenied = "link.denied"
        case linkApproved = "link.approved"
        case userCodeRefused = "user_code.refused"
        case deviceDenied = "device.denied"
        case deviceAllowed = "device.allowed"
        case signedOutEverywhere = "session.ended_everywhere"
        case passwordRefused = "password.refused"
        case passwordChanged = "password.changed"
        case registrationRefused = "registration.refused"
        case accountDeleted = "account.deleted"
        case numberChanged = "number.changed"
        case emailChanged = "email.changed"
        case numberChangeUndone = "number.change_undone"
        /// Proved by somebody else first, or typed in elsewhere.
        case proofRefused = "proof.refused"
        /// An idle number opened a fresh account, or went back to the old one.
        case numberRecycled = "number.recycled"
        /// A client refused a logout token, or did not take it for an hour.
        case logoutFailed = "logout.failed"

        /// Whether somebody can cause it as often as they like.
        package var isFree: Bool {
            switch self {
            case .sendRefused, .numberRefused, .guessRefused, .operationUnknown, .clientAuthenticationFailed,
                .redirectRefused, .codeRefused, .refreshRefused, .tokenRefused, .scopeRefused, .linkRefused,
                .authorizationRefused, .receiptRefused, .guardDryRun, .passwordRefused, .registrationRefused,
                .proofRefused, .clientRegistrationRefused, .clientMetadataRefused, .clientChanged, .userCodeRefused:
                true
            case .guessWrong, .accountRefused, .accountDisabled, .accountEnabled, .codeReplayed, .refreshReused,
                .tokenRevoked, .messageFailed, .messageMovedOn, .budgetAlert, .linkDenied, .linkApproved,
                .deviceDenied, .deviceAllowed,
                .signedOutEverywhere, .passwordChanged, .accountDeleted, .numberChanged, .emailChanged,
                .numberChangeUndone,
                .numberRecycled, .clientRegistered, .clientDeleted, .logoutFailed:
                false
            }
        }
    }
}
