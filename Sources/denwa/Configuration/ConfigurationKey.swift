/// A setting an operator can make, in the configuration file, the environment or a flag. The one list of them:
/// the reader, `--help`, `denwa config reference` and docs/configuration.md all come from it.
struct ConfigurationKey: Sendable {
    enum Kind: String, Sendable {
        case text, integer, list, limit, amount
        case flag = "true/false"
        case json = "JSON"
    }

    let name: String
    let kind: Kind
    let fallback: String
    let help: String
    var isSecret = false

    /// `limits.sendPerIP` is `DENWA_LIMITS_SEND_PER_IP` in the environment.
    var environmentName: String { "DENWA_" + words.joined(separator: "_").uppercased() }
    /// …and `--limits-send-per-ip` as a flag.
    var flagName: String { "--" + words.joined(separator: "-").lowercased() }

    /// Dots separate words, and so does a capital after a small letter.
    private var words: [String] {
        name.split(separator: ".").flatMap { component in
            var words = [""]
            var previous: Character = "A"
            for character in component {
                if previous.isLowercase, character.isUppercase { words.append("") }
                words[words.count - 1].append(character)
                previous = character
            }
            return words
        }
    }
}

extension ConfigurationKey {
    static let all: [ConfigurationKey] = [
        .init(name: "http.host", kind: .text, fallback: "127.0.0.1", help: "Address to listen on."),
        .init(name: "http.port", kind: .integer, fallback: "8080", help: "Port to listen on; 0 takes a free one."),
        .init(
            name: "http.drainSeconds", kind: .integer, fallback: "0",
            help: "How long a server that was told to stop goes on answering while `/health/ready` says 503."),
        .init(
            name: "http.trustedProxies", kind: .list, fallback: "",
            help: "Addresses or networks whose word on the client's address is believed. Empty: nobody's."),
        .init(
            name: "http.forwardedHeader", kind: .text, fallback: "X-Forwarded-For",
            help: "The header that trusted proxies write: X-Forwarded-For or Forwarded. The other is ignored."),
        .init(
            name: "http.clientCertificateHeader", kind: .text, fallback: "none",
            help: "The header in which trusted proxies hand on a client's TLS certificate: RFC 9440, or escaped PEM."),
        .init(
            name: "tls.certificateFile", kind: .text, fallback: "none",
            help: "The server's certificate chain in PEM: then it speaks https itself. Else a proxy does."),
        .init(name: "tls.privateKeyFile", kind: .text, fallback: "none", help: "The certificate's key in PEM."),
        .init(
            name: "issuer", kind: .text, fallback: "http://localhost:<port>",
            help: "This server's public URL: the `iss` of tokens, and what links are built from."),
        .init(
            name: "production", kind: .flag, fallback: "false, true with a public https issuer",
            help: "Refuse to start with anything that is only fit for development."),
        .init(
            name: "database.url", kind: .text, fallback: "sqlite:var/denwa.sqlite",
            help:
                "Where everything is kept: `sqlite:` and a path, or a `postgres://` URI of libpq with one host or several.",
            isSecret: true),
        .init(
            name: "database.connections", kind: .integer, fallback: "16",
            help: "PostgreSQL: how many connections this node opens at most."),
        .init(
            name: "database.waitSeconds", kind: .integer, fallback: "5",
            help: "PostgreSQL: how long a request waits for a free connection before it is answered 503."),
        .init(
            name: "database.statementTimeoutSeconds", kind: .integer, fallback: "10",
            help: "PostgreSQL: after this a statement is given up."),
        .init(
            name: "database.lockTimeoutSeconds", kind: .integer, fallback: "5",
            help: "PostgreSQL: how long a statement waits for a row that another one holds."),
        .init(
            name: "keys.directory", kind: .text, fallback: "keys",
            help: "Signing keys and the sealing secret; made at first start."),
        .init(name: "clients.file", kind: .text, fallback: "clients.json", help: "The registered clients."),
        .init(
            name: "messaging.connectors", kind: .json, fallback: #"[{"type":"console"}]"#,
            help: "How texts leave, in the order they are tried; docs/messages.md has every kind.", isSecret: true),
        .init(
            name: "messaging.outboxFile", kind: .text, fallback: "",
            help: "Write texts to this file, one JSON line each, instead of the console. For tests."),
        .init(
            name: "messaging.templatesFile", kind: .text, fallback: "none",
            help: "Your own words for texts, by purpose, client and language. Read again on SIGHUP."),
        .init(name: "phone.codeLength", kind: .integer, fallback: "6", help: "Digits in a code, 4 to 10."),
        .init(
            name: "phone.codeLifetimeSeconds", kind: .integer, fallback: "180", help: "How long a code lives."),
        .init(name: "phone.maxGuesses", kind: .integer, fallback: "5", help: "Guesses at one code."),
        .init(
            name: "phone.guessesPerNumberPerHour", kind: .integer, fallback: "10",
            help: "Wrong guesses at one number, over all operations and clients; 0 switches the limit off."),
        .init(
            name: "phone.allowedCountries", kind: .list, fallback: "",
            help: "ISO 3166-1 codes that texts may go to. Empty: all."),
        .init(
            name: "phone.testNumbers", kind: .list, fallback: "",
            help: "Clients' `test_numbers` that are allowed in production; elsewhere all are."),
        .init(name: "limits.sendPerNumber", kind: .limit, fallback: "5/3600", help: "Texts to one number."),
        .init(
            name: "limits.resendCooldownSeconds", kind: .integer, fallback: "30",
            help: "Pause between two texts to one number; 0 switches it off."),
        .init(
            name: "limits.sendPerIP", kind: .limit, fallback: "20/3600",
            help: "Texts asked for from one IPv4 address or IPv6 /64."),
        .init(name: "limits.sendPerClient", kind: .limit, fallback: "1000/60", help: "Texts for one client."),
        .init(
            name: "limits.sendPerRange", kind: .limit, fallback: "0",
            help: "Texts to a thousand neighbouring numbers, confirmed ones too. Off."),
        .init(
            name: "limits.sendPerCountry", kind: .limit, fallback: "0",
            help: "Texts to one country, confirmed ones too. Off."),
        .init(
            name: "limits.confirmPerIP", kind: .limit, fallback: "60/60",
            help: "Confirmations from one IPv4 address or IPv6 /64."),
        .init(
            name: "limits.pollPerIP", kind: .limit, fallback: "600/60",
            help: "Polls for the answer to a link from one IPv4 address or IPv6 /64."),
        .init(
            name: "limits.tokenPerClient", kind: .limit, fallback: "6000/60",
            help: "Tokens issued to one client."),
        .init(
            name: "limits.proofPerIP", kind: .limit, fallback: "3000/60",
            help: "DPoP proofs that one IPv4 address or IPv6 /64 shows where anybody may call."),
        .init(
            name: "limits.pushPerIP", kind: .limit, fallback: "600/60",
            help: "Pushed authorization requests of one IPv4 address or IPv6 /64."),
        .init(
            name: "limits.pushPerClient", kind: .limit, fallback: "6000/60",
            help: "Pushed authorization requests of one client."),
        .init(
            name: "limits.authorizePerSession", kind: .limit, fallback: "60/60",
            help: "Authorization codes issued to one signed-in browser."),
        .init(
            name: "limits.passwordPerIdentifier", kind: .limit, fallback: "10/3600",
            help: "Wrong passwords at one name, from places where it never signed in; those have as many of their own."),
        .init(
            name: "limits.passwordPerIP", kind: .limit, fallback: "120/60",
            help: "Passwords checked for one IPv4 address or IPv6 /64."),
        .init(
            name: "limits.registerPerIP", kind: .limit, fallback: "600/3600",
            help: "Accounts registered from one IPv4 address or IPv6 /64."),
        .init(
            name: "limits.registerClientPerIP", kind: .limit, fallback: "10/86400",
            help: "Clients that register from one IPv4 address or IPv6 /64."),
        .init(
            name: "limits.deviceCodePerIP", kind: .limit, fallback: "120/60",
            help: "Devices that one IPv4 address or IPv6 /64 brings to ask for a code."),
        .init(
            name: "limits.userCodePerIP", kind: .limit, fallback: "20/300",
            help: "Wrong codes that one IPv4 address or IPv6 /64 types at `/device`."),
        .init(
            name: "registration.mode", kind: .text, fallback: "off",
            help: "Who may register clients at /oauth2/register: off (nobody), token (whoever has one) or open."),
        .init(
            name: "registration.initialAccessTokens", kind: .list, fallback: "",
            help: "SHA-256, in hexadecimal, of the tokens for mode token; `denwa clients secret` makes one.",
            isSecret: true),
        .init(
            name: "registration.scope", kind: .text, fallback: "openid profile phone email offline_access",
            help: "What clients that describe themselves may ask people for."),
        .init(
            name: "registration.maxClients", kind: .integer, fallback: "10000",
            help: "How many clients may be registered at /oauth2/register in all."),
        .init(
            name: "clientMetadata.enabled", kind: .flag, fallback: "false",
            help: "Whether a client_id may be the https URL of a document that describes the client."),
        .init(
            name: "clientMetadata.allowedNetworks", kind: .list, fallback: "",
            help: "Networks, not public ones, in which clients' own servers may be asked: documents, keys, logouts."),
        .init(
            name: "accounts.numberIdleDays", kind: .integer, fallback: "365",
            help: "A number that nobody proved for so long opens a fresh account, and parks the old one; 0: never."),
        .init(
            name: "accounts.undoHours", kind: .integer, fallback: "72",
            help: "How long the old number can undo a change of number."),
        .init(
            name: "accounts.emailCodeLifetimeSeconds", kind: .integer, fallback: "900",
            help: "How long an e-mailed code lives."),
        .init(
            name: "passwords.minimumLength", kind: .integer, fallback: "8",
            help: "Characters of a password at least; a Monaca backend has a setting of its own."),
        .init(
            name: "passwords.hashingMemoryMegabytes", kind: .integer, fallback: "128",
            help: "What all password checks under way may take together; one takes 32 MiB."),
        .init(
            name: "passwords.maxWaiting", kind: .integer, fallback: "100",
            help: "Password checks that may wait for their turn; more are answered 429."),
        .init(
            name: "kii.maxTokenLifetime", kind: .integer, fallback: "0",
            help: "Seconds that a token of the Kii interface lives at most; 0: as long as it is asked to."),
        .init(
            name: "guard.mode", kind: .text, fallback: "enforce",
            help: "What guards the texting budget: enforce, dryRun (logs what it would refuse) or off."),
        .init(
            name: "guard.unconfirmedPerRange", kind: .limit, fallback: "40/86400",
            help: "Codes to a thousand neighbouring numbers that nobody confirms; then the range is blocked."),
        .init(
            name: "guard.unconfirmedPerBlock", kind: .limit, fallback: "60/86400",
            help: "The same for a hundred thousand neighbouring numbers."),
        .init(
            name: "guard.unconfirmedPerCountry", kind: .limit, fallback: "500/86400",
            help: "Codes of one client to one country that nobody confirms; then they wait for the window to slide."),
        .init(
            name: "guard.unconfirmedPerClient", kind: .limit, fallback: "1000/86400",
            help: "The same for all of one client's codes."),
        .init(
            name: "guard.minimumConversionPercent", kind: .integer, fallback: "25",
            help: "How many of its codes a place must confirm to be no suspect: one confirmed makes up for 100 / this."),
        .init(
            name: "guard.blockSeconds", kind: .integer, fallback: "86400",
            help: "How long a range or block stays blocked."),
        .init(
            name: "guard.dailyBudget", kind: .amount, fallback: "100",
            help: "What all texts of a day (UTC) may cost; 0: no limit."),
        .init(
            name: "guard.monthlyBudget", kind: .amount, fallback: "1000",
            help: "What all texts of a month (UTC) may cost; 0: no limit."),
        .init(
            name: "guard.unprovenBudget", kind: .amount, fallback: "20",
            help: "What one client's texts of a day may cost where few confirm them, or nobody did yet; 0: no limit."),
        .init(
            name: "guard.budgetAlertPercent", kind: .integer, fallback: "80",
            help: "From here on a budget is reported in the developer log."),
        .init(
            name: "guard.prices", kind: .json, fallback: "planning figures in US dollars",
            help: #"What one segment of a text costs, by ISO 3166-1 code, "*" for the rest: {"JP":0.08,"*":0.3}."#),
        .init(
            name: "guard.refuseVoIP", kind: .flag, fallback: "false", help: "Send no texts to internet telephones."),
        .init(
            name: "guard.refuseFixedLine", kind: .flag, fallback: "true", help: "Send no texts to fixed lines."),
        .init(
            name: "tokens.accessLifetimeSeconds", kind: .integer, fallback: "3600",
            help: "Lifetime of an access token."),
        .init(
            name: "tokens.refreshLifetimeSeconds", kind: .integer, fallback: "2592000",
            help: "How long an unused refresh token lives."),
        .init(
            name: "tokens.codeLifetimeSeconds", kind: .integer, fallback: "60",
            help: "Lifetime of an authorization code."),
        .init(
            name: "tokens.refreshGraceSeconds", kind: .integer, fallback: "30",
            help: "How long a spent refresh token answers with the same successor."),
        .init(
            name: "introspection.cacheSeconds", kind: .integer, fallback: "0",
            help: "How long resource servers may go on with an answer about a token; 0: they ask every time."),
        .init(
            name: "dpop.requireNonce", kind: .flag, fallback: "false",
            help: "Refuse DPoP proofs without a nonce that this server gave out."),
        .init(
            name: "device.codeLifetimeSeconds", kind: .integer, fallback: "600",
            help: "How long a device waits for somebody to type its code."),
        .init(
            name: "device.intervalSeconds", kind: .integer, fallback: "5",
            help: "The pause between two polls of a device, to begin with."),
        .init(
            name: "revocations.maxStreams", kind: .integer, fallback: "100",
            help: "Resource servers that may listen to `/oauth2/revocations` at once; more are answered 503."),
        .init(
            name: "session.idleLifetimeSeconds", kind: .integer, fallback: "259200",
            help: "How long a browser stays signed in without being used."),
        .init(
            name: "session.lifetimeSeconds", kind: .integer, fallback: "2592000",
            help: "How long a browser stays signed in at most."),
        .init(name: "branding.name", kind: .text, fallback: "Denwa", help: "This server's name on its pages."),
        .init(
            name: "branding.logoFile", kind: .text, fallback: "none",
            help: "A PNG, JPEG, WebP, GIF or SVG of at most 64 KiB for the server's own pages."),
        .init(
            name: "branding.color", kind: .text, fallback: "none",
            help: "The colour of buttons, `#rrggbb`; a client's `brand_color` comes first."),
        .init(
            name: "playfab.titleID", kind: .text, fallback: "none",
            help: "The PlayFab title whose session tickets the scope `playfab` asks for."),
        .init(
            name: "playfab.secretKey", kind: .text, fallback: "none", help: "The title's secret key.", isSecret: true),
        .init(
            name: "playfab.baseURL", kind: .text, fallback: "https://<title id>.playfabapi.com",
            help: "Where PlayFab answers."),
        .init(
            name: "developerLog.retentionDays", kind: .integer, fallback: "90",
            help: "How long the developer log is kept."),
        .init(
            name: "metrics.port", kind: .integer, fallback: "none",
            help: "Serve Prometheus metrics at `/metrics` on this port of the same address."),
        .init(
            name: "log.level", kind: .text, fallback: "info",
            help: "trace, debug, info, notice, warning, error or critical; debug adds one line a request."),
        .init(
            name: "log.format", kind: .text, fallback: "text on a terminal, else json", help: "text or json."),
    ]

    static func named(_ name: String) -> ConfigurationKey? { all.first { $0.name == name } }
}
