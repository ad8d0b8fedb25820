extension Client {
    /// The server's own account page, as a client: people sign in to it like to any other app. It redeems no code; the
    /// session of the browser is all it wants.
    package static func accountPage(name: String, issuer: Issuer) -> Client {
        var client = Client(
            id: .accountPage, name: name, authenticationMethod: .none,
            redirectURIs: [RedirectURI(issuer.appending("/account"))].compactMap(\.self),
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
