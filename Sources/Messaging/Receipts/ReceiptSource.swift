import Cryptography
package import Time

/// What a provider posts when it knows what became of a text.
package struct ReceiptCallback: Sendable {
    package let method: String
    /// As the provider was told it, query included: signatures are made over it.
    package let url: String
    /// The last part of the path, of providers that sign nothing.
    package let pathSecret: String?
    package let query: [(name: String, value: String)]
    /// `nil` when the body is no form.
    package let form: [(name: String, value: String)]?
    package let body: [UInt8]
    private let headers: [String: String]

    /// - Parameter headers: by name in small letters.
    package init(
        method: String, url: String, pathSecret: String?, query: [(name: String, value: String)],
        form: [(name: String, value: String)]?, headers: [String: String], body: [UInt8]
    ) {
        self.method = method
        self.url = url
        self.pathSecret = pathSecret
        self.query = query
        self.form = form
        self.headers = headers
        self.body = body
    }

    package func header(_ name: String) -> String? { headers[name.lowercased()] }
}

/// What became of a text that a provider had accepted.
package struct DeliveryReceipt: Sendable, Equatable {
    package enum State: String, Sendable { case delivered, failed }

    /// By which the provider calls the text; with receipts that carry our own id too, both must fit.
    package let providerID: String?
    package let messageID: String?
    package let state: State
    package let answer: ProviderAnswer

    package init(providerID: String?, messageID: String?, state: State, answer: ProviderAnswer = ProviderAnswer()) {
        self.providerID = providerID
        self.messageID = messageID
        self.state = state
        self.answer = answer
    }
}

package enum ReceiptReading: Sendable, Equatable {
    /// - Parameter reply: the JSON that the provider wants to read; `nil`: an empty 204.
    case receipts([DeliveryReceipt], reply: String?)
    /// Not from this provider, or too old.
    case forged
    case malformed
}

/// A connector whose provider reports. Believes nothing that is not signed, or that comes without the secret.
package protocol ReceiptSource: Sendable {
    func read(_ callback: ReceiptCallback, at now: Timestamp) -> ReceiptReading
}

extension ReceiptCallback {
    /// Whether the address ends in the secret that it was registered with. Without one nobody may report.
    func carries(_ secret: String?) -> Bool {
        guard let secret, let pathSecret else { return false }
        return equalInConstantTime(Array(secret.utf8), Array(pathSecret.utf8))
    }
}
