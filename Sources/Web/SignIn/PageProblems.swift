import HTTPTypes
import Logging
import PhoneLogin
import RateLimiting

extension PhoneLoginError {
    /// On the page that asks for the number.
    func phonePageProblem(_ logger: Logger) -> PageProblem {
        switch self {
        case .notAPhoneNumber: PageProblem(key: "not_a_number", status: .unprocessableContent)
        case .numberCannotReceiveTexts: PageProblem(key: "cannot_receive", status: .unprocessableContent)
        default: commonProblem(logger)
        }
    }

    /// On the page that asks for the code.
    func codePageProblem(_ logger: Logger) -> PageProblem {
        switch self {
        case .wrongCode: PageProblem(key: "wrong", status: .unauthorized)
        case .noGuessLeft: PageProblem(key: "no_guess_left_now", status: .unprocessableContent)
        case .operationUnknown: PageProblem(key: "expired", status: .notFound)
        case .accountDisabled: PageProblem(key: "account_refused", status: .unauthorized)
        case .limited(let refusal) where refusal.name == .guessesPerOperation:
            PageProblem(
                key: "no_guess_left", status: .tooManyRequests, retrySeconds: refusal.retryAfterSeconds,
                doneKey: "no_guess_left_now")
        default: commonProblem(logger)
        }
    }

    private func commonProblem(_ logger: Logger) -> PageProblem {
        switch self {
        case .limited(let refusal):
            return PageProblem(
                key: "limited", status: .tooManyRequests, retrySeconds: refusal.retryAfterSeconds,
                doneKey: "limited_now")
        case .messagesUnavailable(let seconds):
            return PageProblem(key: "unavailable", status: .serviceUnavailable, retrySeconds: seconds)
        case .unavailable(let cause):
            logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
            return PageProblem(key: "unavailable", status: .serviceUnavailable, retrySeconds: 5)
        default: return PageProblem(key: "session_lost", status: .badRequest)
        }
    }
}
