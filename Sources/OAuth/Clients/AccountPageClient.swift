extension Client {
    /// The server's own pages, `/account` and `/device`, as a client: people sign in to them like to any other app. They
    /// redeem no code; the session of the browser is all they want.
    package static func accountPage(name: String, issuer: Issuer) -> Client {
        var client = Client(
            id: .accountPage, name: name, authenticationMethod: .none,
            redirectURIs: ["/account", "/device"].compactMap { RedirectURI(issuer.appending($0)) },
            grantTypes: [.authorizationCode])
        client.isFirstParty = true
        client.mayRunPhoneLogin = false
        return client
    }
}

extension ClientID {
    /// No client file may use it.
    package static let accountPage = ClientID("denwa-account")
}
