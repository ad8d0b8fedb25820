"""Clients whose keys are at an address of their own: fetched when needed, seldom, and from nowhere inside."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Iterator

import httpx
import pytest

from harness import Server, StartServer, assert_oauth_error, at_once, machine_client
from proofs import SigningKey, asserting, assertion


@dataclass
class KeyServer:
    """Publishes keys on loopback, and counts who came for them. `answer` replaces the good answer."""

    port: int = 0
    keys: list[dict[str, Any]] = field(default_factory=list)
    visits: list[str] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"

    def publish(self, *keys: SigningKey) -> None:
        self.keys = [key.registered for key in keys]


@contextmanager
def key_server() -> Iterator[KeyServer]:
    keys = KeyServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.visits.append(self.path)
            body = keys.body if keys.body is not None else json.dumps({"keys": keys.keys}).encode()
            self.send_response(keys.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in keys.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        keys.port = listening.server_port
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield keys
        finally:
            listening.shutdown()
            thread.join()


def machine(client_id: str, jwks_uri: str) -> dict[str, Any]:
    client = machine_client(client_id, token_endpoint_auth_method="private_key_jwt", jwks_uri=jwks_uri)
    return {name: value for name, value in client.items() if name != "client_secret"}


def prove(server: Server, key: SigningKey, client: str = "machine", **more: Any) -> httpx.Response:
    token = assertion(key, client, server.url, **more)
    return server.http.post("/oauth2/token", data={"grant_type": "client_credentials"} | asserting(token))


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as keys:
        yield keys


@pytest.fixture
def server(start_server: StartServer, keys: KeyServer) -> Server:
    """One that may fetch from loopback, which otherwise it never does."""
    return start_server(
        clients=[machine("machine", keys.url)], DENWA_CLIENT_METADATA_ALLOWED_NETWORKS="127.0.0.0/8")


def test_keys_are_fetched_once_and_kept(server: Server, keys: KeyServer):
    key = SigningKey.generate()
    keys.publish(key)
    replies = at_once(10, lambda _: prove(server, key))
    assert [reply.status_code for reply in replies] == [200] * 10
    assert prove(server, key).status_code == 200
    assert len(keys.visits) <= 2, "ten at once wait for one answer"


def test_a_kid_that_is_new_is_looked_for_but_not_by_everybody_who_invents_one(server: Server, keys: KeyServer):
    """Keys can be rotated; and nobody can make this server call another's a thousand times."""
    old, new = SigningKey.generate(kid="old"), SigningKey.generate(kid="new")
    keys.publish(old)
    assert prove(server, old).status_code == 200
    keys.publish(old, new)
    first = prove(server, new)
    assert first.status_code in (200, 401), "at once, or when a little time has passed"
    before = len(keys.visits)
    for index in range(30):
        assert prove(server, SigningKey.generate(kid=f"invented-{index}")).status_code == 401
    assert len(keys.visits) - before <= 2
    assert prove(server, old).status_code == 200


def test_keys_that_were_fetched_outlive_their_server(server: Server, keys: KeyServer):
    key = SigningKey.generate()
    keys.publish(key)
    # Each node fetches for itself.
    for _ in range(server.node_count):
        assert prove(server, key).status_code == 200
    keys.status, keys.body = 500, b"down"
    for _ in range(server.node_count):
        assert prove(server, key).status_code == 200


def test_another_key_is_another_client(server: Server, keys: KeyServer):
    keys.publish(SigningKey.generate())
    assert_oauth_error(prove(server, SigningKey.generate()), 401, "invalid_client")


@pytest.mark.parametrize("spoil", [
    pytest.param({"status": 404}, id="is not there"),
    pytest.param({"status": 500}, id="is down"),
    pytest.param({"body": b"{"}, id="is no JSON"),
    pytest.param({"body": b"[]"}, id="is a list"),
    pytest.param({"body": b'{"keys": 7}'}, id="has no keys"),
    pytest.param({"body": b'{"keys": [' + b" " * 1_000_000 + b"]}"}, id="is a megabyte"),
    pytest.param({"body": b'{"keys": ' + b"[" * 20_000}, id="is deep"),
])
def test_nobody_is_known_by_a_set_that(server: Server, keys: KeyServer, spoil: dict[str, Any]):
    key = SigningKey.generate()
    keys.publish(key)
    for name, value in spoil.items():
        setattr(keys, name, value)
    began = time.monotonic()
    refused = prove(server, key)
    assert refused.status_code in (401, 503), refused.text
    assert "127.0.0.1" not in refused.text and str(keys.port) not in refused.text, "nothing of where it looked is told"
    assert time.monotonic() - began < 8
    assert server.http.get("/health/live").status_code == 200


def test_a_private_key_in_the_set_is_no_key(server: Server, keys: KeyServer):
    key = SigningKey.generate()
    keys.keys = [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": key.kid}]
    assert_oauth_error(prove(server, key), 401, "invalid_client")


def test_a_redirect_is_not_followed(server: Server, keys: KeyServer):
    key = SigningKey.generate()
    with key_server() as elsewhere:
        elsewhere.publish(key)
        keys.status, keys.headers = 302, {"Location": elsewhere.url}
        assert prove(server, key).status_code in (401, 503)
        assert not elsewhere.visits


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0.0.0.0"])
def test_nothing_is_fetched_from_an_address_inside(start_server: StartServer, host: str):
    """RFC 9700 has no word for it, and every cloud has 169.254.169.254: a registered address is no way in."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.2)
        uri = f"https://{host}:{inside.getsockname()[1]}/jwks.json"
        server = start_server(clients=[machine_client("witness"), machine("machine", uri)], started_=False)
        if server.command("clients", "check").returncode != 0:
            return                                   # refused where it was registered, which is as good
        server.start()
        assert prove(server, SigningKey.generate()).status_code in (401, 503)
        with pytest.raises(TimeoutError):
            inside.accept()
        assert server.client_credentials("witness").status_code == 200
