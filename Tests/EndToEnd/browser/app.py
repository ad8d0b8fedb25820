"""The apps' side of a sign-in: pages that browsers come back to, and the requests that send them off."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import jwt

from harness import Server, confidential_client, eventually, phone_client, pkce

PAGE = b"""<!doctype html><html lang="en"><head><title>The app</title><link rel="icon" href="data:,"></head>
<body><main><h1>Back in the app</h1></main></body></html>"""


@dataclass(frozen=True)
class Arrival:
    """A browser that came to a page of the app."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def parameters(self) -> dict[str, str]:
        assert len(dict(self.pairs)) == len(self.pairs), f"a parameter is repeated: {self.pairs}"
        return dict(self.pairs)


class App:
    """All apps at once: each client has pages under its own name. Keeps everybody who came."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._arrived(urlsplit(self.path).query)

            def do_POST(self) -> None:
                self._arrived(self.rfile.read(int(self.headers["content-length"])).decode())

            def _arrived(self, form: str) -> None:
                pairs = tuple(parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)))
                outer._arrivals.append(Arrival(self.command, urlsplit(self.path).path, pairs))
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(PAGE)))
                self.end_headers()
                self.wfile.write(PAGE)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def serving(self) -> Iterator[App]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()

    def callback(self, client_id: str) -> str:
        return f"{self.url}/{client_id}/callback"

    def signed_out(self, client_id: str) -> str:
        return f"{self.url}/{client_id}/signed-out"

    def arrivals(self, state: str) -> list[Arrival]:
        return [arrival for arrival in self._arrivals if ("state", state) in arrival.pairs]

    def arrival(self, state: str) -> Arrival:
        """The one browser that came with this state."""
        (arrival,) = eventually("a browser at the app's page", lambda: self.arrivals(state))
        return arrival

    def clients(self, server: Server) -> list[dict[str, Any]]:
        """Web sites with a server behind them, which keeps their secret."""
        def client(client_id: str, name: str, **more: Any) -> dict[str, Any]:
            return confidential_client(
                client_id, client_name=name, redirect_uris=[self.callback(client_id)],
                post_logout_redirect_uris=[self.signed_out(client_id)], **more)

        return [
            client("game", "Star Game"),
            client("arcade", "Arcade"),
            client("shop", "Paper Shop", first_party=False),
            client("library", "Town Library", first_party=False),
            client("linked", "Linked Game", link_uris=[f"{server.url}/login/link"]),
            client("linked-shop", "Linked Shop", first_party=False, link_uris=[f"{server.url}/login/link"]),
            phone_client(
                "tv", client_name="Star TV", first_party=False, redirect_uris=[],
                grant_types=["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]),
            phone_client(
                "demo-app", client_name="Demo App", first_party=False, redirect_uris=[f"{server.url}/demo"],
                post_logout_redirect_uris=[f"{server.url}/demo"]),
        ]


@dataclass
class SignInRequest:
    """One authorization request of a client: its address, and what becomes of the answer."""

    server: Server
    app: App
    client_id: str
    scope: str = "openid phone"
    more: dict[str, str] = field(default_factory=dict)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def __post_init__(self) -> None:
        self.verifier, self._challenge = pkce()

    @property
    def name(self) -> str:
        return self.server.client(self.client_id)["client_name"]

    @property
    def redirect_uri(self) -> str:
        return self.app.callback(self.client_id)

    @property
    def url(self) -> str:
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "nonce": self.nonce,
        }
        query |= self._challenge | self.more
        return f"{self.server.url}/oauth2/authorize?{urlencode(query, quote_via=quote)}"

    def again(self, **more: str) -> SignInRequest:
        """Another request of the same client."""
        return SignInRequest(self.server, self.app, self.client_id, self.scope, more)

    def answer(self) -> dict[str, str]:
        """What the app was told. Every answer says who gives it (RFC 9207)."""
        parameters = self.app.arrival(self.state).parameters
        assert parameters["iss"] == self.server.url
        return parameters

    def error(self) -> str:
        answer = self.answer()
        assert "code" not in answer
        return answer["error"]

    def tokens(self) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": self.answer()["code"],
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        reply = self.server.token(self.client_id, form)
        assert reply.status_code == 200, reply.text
        tokens = reply.json()
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        assert claims["nonce"] == self.nonce
        return tokens

    def phone_number(self) -> str:
        """Whom the app believes to have signed in."""
        token = self.tokens()["access_token"]
        reply = httpx.get(
            f"{self.server.url}/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        assert reply.status_code == 200, reply.text
        return reply.json()["phone_number"]
