import Foundation

/// What a session keeps, by name, in the app's ``SecretStorage``.
struct Vault: Sendable {
    let storage: any SecretStorage
    /// Issuer and client: one place serves several sessions.
    let prefix: String

    func tokens() throws(DenwaError) -> Tokens? { try read("tokens") }
    func keep(_ tokens: Tokens?) throws(DenwaError) { try write(tokens, "tokens") }

    /// What the server knows this device by, at a number. It keeps strangers from using up the number's texts.
    func deviceID(at number: String) throws(DenwaError) -> String? {
        let known: [String: String]? = try read("devices")
        return known?[number]
    }

    func keep(deviceID: String, at number: String) throws(DenwaError) {
        var known: [String: String] = try read("devices") ?? [:]
        known[number] = deviceID
        try write(known, "devices")
    }

    /// The device's key, made at the first call. One that this device cannot read any more is replaced: tokens that
    /// were bound to it are refused, and the person signs in again.
    func key() throws(DenwaError) -> PlatformKey {
        do {
            if let kept = try storage.secret(named: name("key")), let key = try? PlatformKey(representation: kept) {
                return key
            }
            let key = try PlatformKey.generate()
            try storage.keep(key.representation, named: name("key"))
            return key
        } catch {
            throw .storage(error)
        }
    }

    func forgetAll() throws(DenwaError) {
        do {
            for what in ["tokens", "devices", "key"] { try storage.keep(nil, named: name(what)) }
        } catch {
            throw .storage(error)
        }
    }

    private func name(_ what: String) -> String { "\(prefix) \(what)" }

    /// What cannot be decoded counts as not there: it is an earlier version's.
    private func read<Value: Decodable>(_ what: String) throws(DenwaError) -> Value? {
        do {
            return try storage.secret(named: name(what)).flatMap { try? JSONDecoder().decode(Value.self, from: $0) }
        } catch {
            throw .storage(error)
        }
    }

    private func write<Value: Encodable>(_ value: Value?, _ what: String) throws(DenwaError) {
        do {
            try storage.keep(value.map { try JSONEncoder().encode($0) }, named: name(what))
        } catch {
            throw .storage(error)
        }
    }
}

extension DenwaError {
    static func storage(_ cause: any Error) -> Self {
        Self(.storage, "the secrets of this device cannot be used", underlying: cause)
    }
}
