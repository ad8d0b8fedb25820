"""What listens to Denwa: an app that takes logout tokens, and a resource server that follows revocations."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from harness import Server, eventually

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


# MARK: an app


@dataclass
class Receiver:
    """The `backchannel_logout_uri` of apps, one path each. An answer is a status, or waits for what it likes first;
    a path's answers are taken in order, the last one for ever."""

    answers: dict[str, list[Callable[[], int] | int]] = field(default_factory=dict)
    posts: list[tuple[str, dict[str, list[str]], str]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                app = self.path.strip("/")
                receiver.posts.append((app, parse_qs(body, strict_parsing=True), self.headers["Content-Type"]))
                answers = receiver.answers.get(app, [204])
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                status = answer() if callable(answer) else answer
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # nobody waits for it any more

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, app: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{app}"

    def of(self, app: str) -> list[str]:
        """The logout tokens that the app was sent."""
        tokens = []
        for to, form, content_type in list(self.posts):
            assert content_type == "application/x-www-form-urlencoded"
            assert list(form) == ["logout_token"] and len(form["logout_token"]) == 1, "§2.5"
            if to == app:
                tokens.append(form["logout_token"][0])
        return tokens

    def wait(self, app: str, count: int = 1, timeout: float = 10) -> str:
        """The `count`-th token, as soon as it is there."""
        return eventually(
            f"logout token {count} for {app}", lambda: len(self.of(app)) >= count and self.of(app)[count - 1], timeout)

    def hang(self) -> int:
        """Says nothing for longer than anybody should wait."""
        self.stopping.wait(30)
        return 200

    def stop(self) -> None:
        self.stopping.set()
        self.http.shutdown()
        self.http.server_close()


def logout_claims(server: Server, token: str, client_id: str) -> dict[str, Any]:
    """The claims, after every check of OpenID Connect Back-Channel Logout §2.6."""
    algorithm = server.client(client_id).get("id_token_signed_response_alg", "ES256")
    keys = KeySet.import_key_set(server.http.get("/.well-known/jwks.json").json())
    decoded = jwt.decode(token, keys, algorithms=[algorithm])
    assert decoded.header["typ"] == "logout+jwt"
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.url}, aud={"essential": True, "value": client_id},
        iat={"essential": True}, exp={"essential": True}, jti={"essential": True},
        sub={"essential": True}, sid={"essential": True})
    registry.validate(decoded.claims)
    assert decoded.claims["events"] == {LOGOUT_EVENT: {}}
    assert "nonce" not in decoded.claims
    assert decoded.claims["exp"] - decoded.claims["iat"] == 120
    return decoded.claims


# MARK: a resource server


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: dict[str, Any]


class Stream:
    """One open `GET /oauth2/revocations`, read by a thread of its own."""

    def __init__(self, url: str, credentials: tuple[str, str] | None, **more: Any) -> None:
        self.events: list[Event] = []
        self.comments = 0
        self.is_over = False
        self.http = httpx.Client(timeout=httpx.Timeout(10, read=30), trust_env=False)
        self.response = self.http.send(self.http.build_request("GET", url, **more), auth=credentials, stream=True)
        if self.response.status_code != 200:
            self.response.read()
            return
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self.response.iter_lines():
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    self.events.append(Event(fields["event"], fields["id"], json.loads(fields["data"])))
                    fields = {}
        except httpx.TransportError:
            pass
        self.is_over = True

    def wait(self, count: int, timeout: float = 10) -> list[Event]:
        return eventually(f"{count} events", lambda: len(self.events) >= count and self.events[:count], timeout)

    def wait_for(self, data: dict[str, Any], timeout: float = 1) -> Event:
        return eventually(
            f"event {data}", lambda: next((event for event in self.events if event.data == data), None), timeout)

    def close(self) -> None:
        # The thread that reads keeps the connection open otherwise.
        with suppress(OSError):
            self.response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self.response.close()
        self.http.close()


@contextmanager
def streams(server: Server) -> Iterator[Callable[..., Stream]]:
    """`listen(by="resource-server", last_event_id=…)`: an open stream. All are closed in the end."""
    opened: list[Stream] = []

    def listen(by: str | None = "resource-server", **more: Any) -> Stream:
        credentials = more.pop("credentials", by and (by, server.client(by)["client_secret"]))
        opened.append(Stream(f"{server.url}/oauth2/revocations", credentials, **more))
        return opened[-1]

    try:
        yield listen
    finally:
        for stream in opened:
            stream.close()
