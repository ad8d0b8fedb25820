import Cryptography
import JOSE
import OAuth

/// Clients whose tokens no key can sign. Found before a client asks for one: by then its authorization code
/// would be spent for nothing.
enum MissingKeys {
    static func problems(clients: [Client], active: [SignatureAlgorithm: JWSKey]) -> [String] {
        clients.flatMap { client in
            Set([client.signingAlgorithm, client.idTokenAlgorithm]).filter { active[$0] == nil }
                .map(\.rawValue).sorted().map { algorithm in
                    "client \"\(client.id.rawValue)\" wants \(algorithm), which no active key signs: "
                        + "`denwa keys generate --algorithm \(algorithm)`"
                }
        }
    }
}
