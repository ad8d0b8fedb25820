import PhoneLogin
import RateLimiting
import TestSupport

/// A `PhoneLoginError` without what it carries: what a table names.
enum Refusal: Sendable, Equatable {
    case parameterMissing, parameterMalformed, stateMissingOrShort, redirectNotRegistered, redirectMissing
    case linkNotRegistered, unknownClient, clientNotAllowed, notAPhoneNumber, numberCannotReceiveTexts
    case limited(LimitName)
    case wrongCode, noGuessLeft, operationUnknown, accountDisabled, messagesUnavailable, unavailable

    init(_ error: PhoneLoginError) {
        self =
            switch error {
            case .parameterMissing: .parameterMissing
            case .parameterMalformed: .parameterMalformed
            case .stateMissingOrShort: .stateMissingOrShort
            case .redirectNotRegistered: .redirectNotRegistered
            case .redirectMissing: .redirectMissing
            case .linkNotRegistered: .linkNotRegistered
            case .unknownClient: .unknownClient
            case .clientNotAllowed: .clientNotAllowed
            case .notAPhoneNumber: .notAPhoneNumber
            case .numberCannotReceiveTexts: .numberCannotReceiveTexts
            case .limited(let refusal): .limited(refusal.name)
            case .wrongCode: .wrongCode
            case .noGuessLeft: .noGuessLeft
            case .operationUnknown: .operationUnknown
            case .accountDisabled: .accountDisabled
            case .messagesUnavailable: .messagesUnavailable
            case .unavailable: .unavailable
            }
    }
}

/// How a request was refused; `nil` when it was not.
extension PhoneFlow {
    func refusal(of request: PhoneLoginRequest) async -> Refusal? {
        do throws(PhoneLoginError) {
            _ = try await start(request)
            return nil
        } catch {
            return Refusal(error)
        }
    }

    func refusal(of confirmation: PhoneLoginConfirmation) async -> Refusal? {
        do throws(PhoneLoginError) {
            _ = try await confirm(confirmation)
            return nil
        } catch {
            return Refusal(error)
        }
    }

    func refusal(of code: String, for started: PhoneLoginStarted) async -> Refusal? {
        await refusal(of: .valid(started, code: code))
    }
}
