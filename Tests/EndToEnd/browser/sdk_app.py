"""An app that uses the browser SDK: pages of another origin than the server's, with a policy as strict as can be."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Request

from browser.app import Arrival
from harness import Server, eventually, phone_client

#: Of the client that most pages are of; the Monaca backend has the same name.
CLIENT = "web"
API_KEY = "monaca-api-key-Zr5w"

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The app</title>
<link rel="icon" href="data:,">{head}</head><body><h1>The app</h1></body></html>"""


class SDKApp:
    """Serves the pages in `pages`, by their path, at an origin of its own. Keeps the addresses that were asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.asked: list[Arrival] = []
        self.policy = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                outer.asked.append(Arrival("GET", address.path, ((address.query, ""),)))
                body = outer.pages.get(address.path, "").encode()
                self.send_response(200 if body else 404)
                kind = "text/javascript" if address.path.endswith(".js") else "text/html"
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Security-Policy", outer.policy)
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def serving(self, server: Server) -> Iterator[SDKApp]:
        """Pages for this server: `/` is configured in the script tag, `/bare` not at all, `/module` is an import."""
        script = f"{server.url}/sdk/denwa.js"
        self.policy = (f"default-src 'none'; script-src 'self' {server.url}; connect-src {server.url}; "
                       "img-src data:; base-uri 'none'; form-action 'none'")
        attributes = (f'data-client-id="{CLIENT}" data-redirect-uri="{self.url}/" data-monaca-backend="{CLIENT}" '
                      f'data-monaca-api-key="{API_KEY}" data-scope="openid phone offline"')
        self.pages |= {
            "/": PAGE.format(head=f'<script src="{script}" {attributes}></script>'),
            "/bare": PAGE.format(head=f'<script src="{script}"></script>'),
            "/module": PAGE.format(head='<script type="module" src="/module.js"></script>'),
            "/module.js": f'import "{script}"; denwa.configure({json.dumps(self.configuration(server))});',
            "/signed-out": PAGE.format(head=f'<script src="{script}" {attributes}></script>'),
        }
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()

    def configuration(self, server: Server, **more: str) -> dict[str, str]:
        return {"issuer": server.url, "clientID": CLIENT, "monacaBackend": CLIENT, "monacaApiKey": API_KEY} | more

    def client(self, client_id: str, *pages: str, **more: Any) -> dict[str, Any]:
        """A public client with these pages to come back to; its name says whose consent page it is."""
        return phone_client(
            client_id, client_name=f"The {client_id}", cors_origins=[self.url],
            redirect_uris=[f"{self.url}{page}" for page in pages],
            post_logout_redirect_uris=[f"{self.url}/signed-out"], **more)


class Traffic:
    """What the pages of a browser asked the server for."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.requests: list[Request] = []
        context.on("request", lambda request: request.url.startswith(server.url) and self.requests.append(request))

    def to(self, path: str, *, holding: str = "") -> list[Request]:
        """Requests to a path, but for preflights; with `holding` in the body."""
        return [request for request in self.requests if urlsplit(request.url).path == path
                and request.method != "OPTIONS" and holding in (request.post_data or "")]

    @property
    def refreshes(self) -> list[Request]:
        return self.to("/oauth2/token", holding="grant_type=refresh_token")


#: The fate of a promise, as data: `{"value": …}` or `{"error": {…}}`. Playwright would make text of an error, and
#: wait for ever.
SETTLE = """async (values) => {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("nothing within 20 s")), 20_000));
  try { return { value: await Promise.race([(async () => { WORK })(), late]) }; }
  catch (error) {
    return { error: { ...error, message: error.message, isDenwaError: error instanceof denwa.DenwaError } };
  }
}"""


def settle(page: Page, work: str, /, **values: Any) -> dict[str, Any]:
    """Runs the body of an async function in the page; there, `values` has what is given here."""
    return page.evaluate(SETTLE.replace("WORK", work), values)


def run(page: Page, work: str, /, **values: Any) -> Any:
    """What it returns."""
    settled = settle(page, work, **values)
    assert "error" not in settled, settled
    return settled.get("value")


def refusal(page: Page, work: str, code: Any = None, /, **values: Any) -> dict[str, Any]:
    """The DenwaError that it ends with; `code` is what it must say."""
    settled = settle(page, work, **values)
    assert "error" in settled, f"no error, but {settled.get('value')}"
    error = settled["error"]
    assert error["isDenwaError"], error
    assert code is None or error["code"] == code, error
    return error


def wait_for(page: Page, condition: str) -> None:
    """Playwright's own way evaluates in the page, which the page's policy forbids."""
    eventually(condition, lambda: page.evaluate(f"Boolean({condition})"))
