import HTTPTypes
package import Hummingbird
import JOSE
package import Messaging
import NIOCore
package import OAuth
import ServiceLifecycle
import Time

/// `/dev/inbox`: the texts that went out, newest first, live. Works without a script by reloading itself.
package struct DevelopmentInboxPage: Sendable {
    private let inbox: DevelopmentInbox
    private let issuer: Issuer

    package init(inbox: DevelopmentInbox, issuer: Issuer) {
        self.inbox = inbox
        self.issuer = issuer
    }

    package func add(to router: Router<DenwaRequestContext>) {
        let router = router.group().add(middleware: OwnHost(names: ["localhost", "127.0.0.1", "::1", issuer.host]))
        router.get("/dev/inbox") { _, _ in page() }
        router.get("/dev/inbox.json") { _, _ in
            Response.json(.ok, ["messages": .array(inbox.messages.map(Self.json))])
        }
        router.get("/dev/inbox.js") { _, _ in Self.asset(Self.script, type: "text/javascript") }
        router.get("/dev/inbox.css") { _, _ in Self.asset(Self.style, type: "text/css") }
        router.get("/dev/inbox/events") { _, _ in events() }
    }

    private static func json(_ message: TextMessage) -> JSONValue {
        [
            "id": .string(message.id), "to": .string(message.recipient), "body": .string(message.body),
            "template": .string(message.template.rawValue), "locale": .string(message.locale),
            "client_id": .string(message.clientID), "created_at": .integer(message.createdAt.seconds),
        ]
    }

    private func page() -> Response {
        let texts = inbox.messages.map { message in
            """
            <li><h2><bdi>\(HTML.escape(message.recipient))</bdi></h2>
            <p dir="auto">\(HTML.escape(message.body))</p>
            <small>\(HTML.escape(message.clientID)) · \(HTML.escape(message.locale)) · <time data-at="\(message.createdAt.milliseconds)">\(HTML.escape(Self.clockTime(message)))</time></small></li>
            """
        }
        let list =
            texts.isEmpty
            ? "<p class=\"none\">No text has gone out yet.</p>" : "<ol>\(texts.joined(separator: "\n"))</ol>"
        var response = Self.asset(
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>Inbox · Denwa</title>
            <meta name="viewport" content="width=device-width">
            <noscript><meta http-equiv="refresh" content="5"></noscript>
            <link rel="stylesheet" href="/dev/inbox.css"><script src="/dev/inbox.js" defer></script></head>
            <body><main><h1>Texts that went out</h1>
            <p class="hint">Development only. Newest first; this page follows along.</p>
            <div id="texts" aria-live="polite">\(list)</div></main></body></html>
            """, type: "text/html")
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
            + "form-action 'none'; frame-ancestors 'none'"
        response.headers[.referrerPolicy] = "no-referrer"
        return response
    }

    /// UTC; the script turns it into the reader's own time.
    private static func clockTime(_ message: TextMessage) -> String {
        let seconds = message.createdAt.seconds % 86_400
        let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return parts.joined(separator: ":") + " UTC"
    }

    /// Server-sent events: one for each arrival, and a comment now and then so that dead connections are noticed.
    private func events() -> Response {
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: "retry: 1000\n\n"))
            for await _ in inbox.arrivals().cancelOnGracefulShutdown() {
                try await writer.write(ByteBuffer(string: "event: text\ndata: new\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }

    private static func asset(_ text: String, type: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "\(type); charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private static let script = """
        const localise = () => document.querySelectorAll("time[data-at]").forEach((time) => {
          time.textContent = new Date(Number(time.dataset.at)).toLocaleTimeString();
        });
        const refresh = async () => {
          const page = new DOMParser().parseFromString(await (await fetch("/dev/inbox")).text(), "text/html");
          document.getElementById("texts").replaceChildren(...page.getElementById("texts").childNodes);
          localise();
        };
        localise();
        const events = new EventSource("/dev/inbox/events");
        events.addEventListener("text", refresh);
        events.addEventListener("open", refresh);
        """

    private static let style = """
        :root { color-scheme: light dark; font: 17px/1.5 system-ui, sans-serif; }
        body { margin: 0; background: Canvas; color: CanvasText; }
        main { max-width: 40rem; margin: 0 auto; padding: 2rem 1rem; }
        h1 { font-size: 1.6rem; margin: 0; }
        .hint, small { color: color-mix(in srgb, CanvasText 65%, Canvas); }
        .none { padding: 3rem 0; text-align: center; }
        ol { list-style: none; padding: 0; }
        li { border: 1px solid color-mix(in srgb, CanvasText 20%, Canvas); border-radius: .8rem; padding: .8rem 1rem; margin: .8rem 0; }
        h2 { font-size: 1rem; margin: 0; }
        li p { margin: .3rem 0; font-size: 1.15rem; white-space: pre-wrap; overflow-wrap: anywhere; }
        """
}
