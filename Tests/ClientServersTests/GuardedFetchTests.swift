import InternetAddresses
import Testing

@testable import ClientServers

@Suite(.timeLimit(.minutes(1))) struct GuardedFetchTests {
    /// As in development: this machine is allowed.
    private func fetch(_ resolver: any HostResolver = ScriptedResolver(["127.0.0.1"])) throws -> GuardedFetch {
        let loopback = try #require(IPNetwork("127.0.0.0/8"))
        return GuardedFetch(AddressRules(allowedNetworks: [loopback], allowsHTTP: true), resolver: resolver)
    }

    private func failure(
        _ fetch: GuardedFetch, _ url: String, onUsualPort: Bool = false, within seconds: Int = 5
    ) async -> ClientServerFailure? {
        do throws(ClientServerFailure) {
            _ = try await fetch.json(url, onUsualPort: onUsualPort, within: seconds)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a document is fetched as it is`() async throws {
        let headers = ["Content-Type: Application/JSON; charset=utf-8", "Cache-Control: public, Max-Age=120"]
        try await ScriptedServer.run(body: #"{"a":1}"#, headers: headers) { server async throws in
            let reply = try await fetch().json("http://app.example:\(server.port)/client?x=1")
            #expect(String(decoding: reply.body, as: UTF8.self) == #"{"a":1}"#)
            #expect(reply.cacheControl == ["public", "max-age=120"])
            let request = try #require(server.requests.first?.lowercased())
            #expect(request.hasPrefix("get /client?x=1 http/1.1\r\n"))
            #expect(request.contains("\r\nhost: app.example:\(server.port)\r\n"), "by its name, not its address")
            #expect(request.contains("\r\naccept-encoding: identity\r\n"))
        }
    }

    /// DNS rebinding: the name leads somewhere else as soon as it was checked.
    @Test func `the address that was checked is the one that is asked`() async throws {
        try await ScriptedServer.run(body: "{}") { server async throws in
            let resolver = ScriptedResolver(["127.0.0.1"], ["10.0.0.1"])
            _ = try await fetch(resolver).json("http://rebinding.example:\(server.port)/client")
            #expect(resolver.count == 1)
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        ["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"],
        ["fd00::1"],
        ["93.184.216.34", "10.0.0.1"], ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "fe80::1"],
    ])
    func `a host with any address that is not public is not asked`(_ addresses: [String]) async {
        let guarded = GuardedFetch(AddressRules(), resolver: ScriptedResolver(addresses))
        #expect(await failure(guarded, "https://app.example/client") == .addressNotPublic)
    }

    @Test(arguments: [
        "https://127.0.0.1/", "https://10.1.2.3/", "https://[::1]/", "https://[fd00::1]/", "https://169.254.169.254/x",
    ])
    func `an address in the URL is checked like any other`(_ url: String) async {
        #expect(await failure(GuardedFetch(AddressRules(), resolver: ScriptedResolver([])), url) == .addressNotPublic)
    }

    @Test func `the system's own names of this machine are not asked`() async {
        #expect(await failure(GuardedFetch(AddressRules()), "https://localhost/client") == .addressNotPublic)
    }

    @Test func `an allowed network is asked, another one is not`() async throws {
        try await ScriptedServer.run(body: "{}") { server async throws in
            let here = try fetch(ScriptedResolver(["127.0.0.1"]))
            #expect(await failure(here, "http://app.example:\(server.port)/") == nil)
            let elsewhere = try fetch(ScriptedResolver(["127.0.0.1", "192.168.0.1"]))
            #expect(await failure(elsewhere, "https://app.example:\(server.port)/") == .addressNotPublic)
            #expect(server.requests.count == 1)
        }
    }

    /// Without TLS nobody proves that the name is theirs.
    @Test func `http is for allowed networks, and not in production`() async throws {
        let loopback = try #require(IPNetwork("127.0.0.0/8"))
        let production = GuardedFetch(
            AddressRules(allowedNetworks: [loopback]), resolver: ScriptedResolver(["127.0.0.1"]))
        #expect(await failure(production, "http://app.example/client") == .unusableURL)
        #expect(await failure(try fetch(ScriptedResolver(["93.184.216.34"])), "http://app.example/") == .unusableURL)
    }

    @Test func `a public server is asked at the usual port where that is wanted`() async throws {
        let outside = GuardedFetch(AddressRules(), resolver: ScriptedResolver(["93.184.216.34"]))
        #expect(await failure(outside, "https://app.example:8443/client", onUsualPort: true) == .unusableURL)
        try await ScriptedServer.run(body: "{}") { server async throws in
            let inside = try fetch()
            #expect(await failure(inside, "http://app.example:\(server.port)/", onUsualPort: true) == nil)
        }
    }

    @Test func `TLS must prove the name that is asked for`() async throws {
        try await ScriptedServer.run(body: "{}") { server async throws in
            #expect(await failure(try fetch(), "https://app.example:\(server.port)/") == .connection)
        }
    }

    @Test(arguments: ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
    func `a redirect is not followed`(_ status: String) async throws {
        try await ScriptedServer.run(body: "{}") { target async throws in
            let headers = ["Content-Type: application/json", "Location: http://127.0.0.1:\(target.port)/"]
            try await ScriptedServer.run(body: "{}", status: status, headers: headers) { server async throws in
                let number = Int(status.prefix(3)) ?? 0
                #expect(await failure(try fetch(), "http://app.example:\(server.port)/") == .status(number))
            }
            #expect(target.requests.isEmpty)
        }
    }

    @Test(arguments: ["201 Created", "204 No Content", "404 Not Found", "500 Internal Server Error"])
    func `only 200 is an answer`(_ status: String) async throws {
        try await ScriptedServer.run(body: status.hasPrefix("204") ? "" : "{}", status: status) { server async throws in
            let number = Int(status.prefix(3)) ?? 0
            #expect(await failure(try fetch(), "http://app.example:\(server.port)/") == .status(number))
        }
    }

    @Test(arguments: [
        ["Content-Type: text/html"], ["Content-Type: text/json"], [], ["Content-Type: application/jsonp"],
        ["Content-Type: application/json", "Content-Encoding: gzip"],
    ])
    func `what is not plain JSON is no document`(_ headers: [String]) async throws {
        try await ScriptedServer.run(body: "{}", headers: headers) { server async throws in
            #expect(await failure(try fetch(), "http://app.example:\(server.port)/") == .wrongContentType)
        }
    }

    @Test(arguments: [16_384, 16_385])
    func `a document has sixteen kibibytes at most`(_ size: Int) async throws {
        try await ScriptedServer.run(body: String(repeating: " ", count: size)) { server async throws in
            let expected: ClientServerFailure? = size > 16_384 ? .replyTooLong : nil
            #expect(await failure(try fetch(), "http://app.example:\(server.port)/") == expected)
        }
    }

    @Test func `a document that does not say how long it is may not be longer either`() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        let chunk = "1000\r\n" + String(repeating: " ", count: 4096) + "\r\n"
        let script = ScriptedServer.Script(parts: [head] + Array(repeating: chunk, count: 64), staysOpen: true)
        try await ScriptedServer.run(script) { server async throws in
            #expect(await failure(try fetch(), "http://app.example:\(server.port)/") == .replyTooLong)
        }
    }

    @Test(arguments: [
        ScriptedServer.Script(parts: [], staysOpen: true),
        ScriptedServer.Script(parts: ["HTTP/1.1 200 OK\r\n"], staysOpen: true),
        ScriptedServer.Script(
            parts: [ScriptedServer.reply("{}")].flatMap { $0.map(String.init) }, pauseMilliseconds: 100),
    ])
    func `a server that is slow in any way has so many seconds in all`(_ script: ScriptedServer.Script) async throws {
        try await ScriptedServer.run(script) { server async throws in
            let start = ContinuousClock.now
            let url = "http://app.example:\(server.port)/"
            #expect(await failure(try fetch(), url, within: 1) == .timeout)
            #expect(ContinuousClock.now - start < .seconds(3))
        }
    }

    @Test func `a name server that does not answer holds nobody up`() async throws {
        let start = ContinuousClock.now
        #expect(await failure(try fetch(SilentResolver()), "http://app.example/", within: 1) == .timeout)
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test func `a name without addresses is an unknown host`() async throws {
        #expect(await failure(try fetch(ScriptedResolver([])), "http://app.example/") == .unknownHost)
    }

    @Test func `an address that does not answer leaves the next one to try`() async throws {
        try await ScriptedServer.run(body: "{}") { server async throws in
            let resolver = ScriptedResolver(["127.0.0.99", "127.0.0.1"])
            #expect(await failure(try fetch(resolver), "http://app.example:\(server.port)/") == nil)
        }
    }

    @Test func `what is no HTTP is a broken connection`() async throws {
        try await ScriptedServer.run(ScriptedServer.Script(parts: ["220 mail.example ESMTP\r\n"])) {
            server async throws in
            #expect(await failure(try fetch(), "http://app.example:\(server.port)/") == .connection)
        }
    }

    @Test func `strangers get no more than a few fetches from one host at once`() async throws {
        try await ScriptedServer.run(ScriptedServer.Script(parts: [], staysOpen: true)) { server async throws in
            let fetch = try fetch()
            let url = "http://app.example:\(server.port)/"
            let failures = await withTaskGroup(of: ClientServerFailure?.self) { group in
                for _ in 0..<6 { group.addTask { await failure(fetch, url, within: 1) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(failures.count { $0 == .busy } == 2)
            #expect(failures.count { $0 == .timeout } == 4)
            #expect(await failure(fetch, url, within: 1) == .timeout, "their places are free again")
        }
    }

    @Test func `a form is sent, guarded or on the operator's word`() async throws {
        try await ScriptedServer.run(body: "", status: "204 No Content", headers: []) { server async throws in
            let url = "http://app.example:\(server.port)/logout"
            #expect(try await fetch().post(url, form: "logout_token=a.b.c") == 204)
            let request = try #require(server.requests.first)
            #expect(request.hasPrefix("POST /logout HTTP/1.1\r\n"))
            #expect(request.hasSuffix("\r\n\r\nlogout_token=a.b.c"))

            let strict = GuardedFetch(AddressRules(), resolver: ScriptedResolver(["127.0.0.1"]))
            await #expect(throws: ClientServerFailure.unusableURL) { try await strict.post(url, form: "") }
            #expect(try await strict.post(url, form: "a=b", isGuarded: false) == 204)
        }
    }
}
