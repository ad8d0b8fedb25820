/// How a person proved who they are (RFC 8176 §2, the `amr` claim).
package enum AuthenticationMethod: String, Sendable, CaseIterable {
    case oneTimePassword = "otp"
    case sms
    case password = "pwd"
}
